"""Cuts GitHub's published OpenAPI to the calls that Errand makes, as openapi.json.

How: npm pack @octokit/openapi, unpack it, then
    python tests/fakes/github/cut_openapi.py package/generated/api.github.com.json
Parameters, request bodies and answers are as published; descriptions, examples and what no call refers to go.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CALLS = {
    "/app": ["get"],
    "/app/hook/config": ["get"],
    "/app/hook/deliveries": ["get"],
    "/app/installations": ["get"],
    "/app/installations/{installation_id}": ["get"],
    "/app/installations/{installation_id}/access_tokens": ["post"],
    "/repos/{owner}/{repo}": ["get"],
    "/repos/{owner}/{repo}/branches/{branch}": ["get"],
    "/repos/{owner}/{repo}/check-runs": ["post"],
    "/repos/{owner}/{repo}/check-runs/{check_run_id}": ["patch"],
    "/repos/{owner}/{repo}/collaborators/{username}/permission": ["get"],
    "/repos/{owner}/{repo}/installation": ["get"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ["patch"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": ["post"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}": ["delete"],
    "/repos/{owner}/{repo}/issues/{issue_number}": ["get"],
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}": ["delete"],
    "/repos/{owner}/{repo}/issues/{issue_number}/reactions": ["post"],
    "/repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}": ["delete"],
    "/repos/{owner}/{repo}/pulls": ["get", "post"],
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}": ["patch"],
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions": ["post"],
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions/{reaction_id}": ["delete"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies": ["post"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/files": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments": ["get"],
    "/user": ["get"],
}
_NOISE = {"description", "examples", "example", "x-github", "externalDocs", "summary", "tags", "operationId"}
#: What holds names of fields and the like rather than words of OpenAPI.
_NAMES = {"parameters", "properties", "responses", "schemas"}
_REF = re.compile(r'"\$ref":\s*"#/components/([^/"]+)/([^"]+)"')


def stripped(value: Any, *, names: bool = False) -> Any:
    """Return `value` without prose; `names` says that its keys are names of fields, which all stay."""
    if isinstance(value, dict):
        return {
            key: stripped(
                item, names=not names and key in {"properties", "schemas", "parameters", "responses"}
            )
            for key, item in value.items()
            if names or key not in _NOISE
        }
    if isinstance(value, list):
        return [stripped(item) for item in value]
    return value


def cut(source: dict[str, Any]) -> dict[str, Any]:
    """Return the part of GitHub's description that CALLS need."""
    paths = {
        path: {verb: stripped(source["paths"][path][verb]) for verb in verbs} for path, verbs in CALLS.items()
    }
    components: dict[str, dict[str, Any]] = {}
    waiting = set(_REF.findall(json.dumps(paths)))
    while waiting:
        kind, name = waiting.pop()
        if name in components.setdefault(kind, {}):
            continue
        components[kind][name] = stripped(source["components"][kind][name])
        waiting |= set(_REF.findall(json.dumps(components[kind][name])))
    kept = {kind: dict(sorted(found.items())) for kind, found in sorted(components.items()) if found}
    return {
        "openapi": source["openapi"],
        "info": {**source["info"], "description": ""},
        "paths": paths,
        "components": kept,
    }


def main(source: str) -> None:
    """Write openapi.json."""
    found = cut(json.loads(Path(source).read_text()))
    (HERE / "openapi.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
