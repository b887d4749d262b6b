"""Cuts @octokit/webhooks-examples to what is kept in payloads.jsonl: every event and action, once or more.

How: npm pack @octokit/webhooks-examples, unpack it, then
    python tests/fakes/github/cut_payloads.py package/api.github.com/index.json
Values are as published (MIT, see README.md); addresses of the API and the end
of long texts are left out, which leaves every payload an example of GitHub's own shape.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: Fields of a repository, user and the like whose value is an address of the API.
_ADDRESS = "url"
_LONGEST = 400


def cut(value: Any) -> Any:
    """Return `value` without addresses of the API and without the end of long texts."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not key.endswith(_ADDRESS) or key == "html_url"}
        return {key: cut(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [cut(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST]
    return value


def main(source: str) -> None:
    """Write payloads.jsonl, one example a line."""
    events = json.loads(Path(source).read_text())
    lines = [
        json.dumps({"event": event["name"], "payload": cut(example)}, separators=(",", ":"))
        for event in events
        for example in event["examples"]
    ]
    (HERE / "payloads.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
