"""The documents name what the code has, and nothing that it has not."""

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask

from app.cli.main import errand
from app.db.engine import Database
from app.domain.agent import Agent
from app.domain.event import Event
from app.domain.reason import SENTENCES, TRANSIENT, Reason
from app.domain.task import TRANSITIONS, AttemptState, Hold, TaskState
from app.live.hub import Hub
from app.live.publisher import Publisher
from app.settings import Settings
from app.web import create_app
from app.web.queue import web_bell
from tests.architecture.checkout import ROOT, code, document, files, section, table

OPERATIONS = "docs/operations.md"
STATES = "docs/state-machine.md"
#: Where routes are described: REST, WebSocket, pages.
ROUTES = ("docs/api.md", "docs/protocol.md", "docs/architecture.md")
#: Where the cases of the catalogue of faults and attacks are listed, and which of its groups and numbers.
CASES = {
    "docs/reliability.md": {"Q": {*range(1, 13)}, "DB": {*range(1, 9)} - {7}, "LOAD": {*range(1, 6)}},
    "docs/github.md": {"WH": {*range(1, 21)}, "GH": {*range(1, 8)}},
    "docs/security.md": {
        "API": {*range(1, 15)},
        "WS": {*range(1, 11)},
        "RUN": {*range(1, 20)},
        "UI": {*range(1, 8)},
        "SEC": {*range(1, 11)},
        "DB": {7},
    },
}
DOCUMENTS = sorted(path for path in files() if path.suffix == ".md" and path.parts[0] in {"docs", path.name})


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The real app; nothing of it is asked."""
    settings = Settings(_env_file=None, data_dir=tmp_path)
    db, url = Database(settings.database_url), settings.redis_url
    return create_app(settings, db, web_bell(url), Hub(db, url), Publisher(url))


def test_every_setting_is_listed_with_its_default() -> None:
    """docs/operations.md and app/settings.py name the same settings and the same defaults."""
    rows = {code(name): default for name, default, _ in table(section(OPERATIONS, "Settings"))}
    fields = {str(field.validation_alias): field.default for field in Settings.model_fields.values()}
    plain = {
        name: f"`{default}`" for name, default in fields.items() if isinstance(default, int | float | str)
    }

    assert rows.keys() == fields.keys()
    assert {name: rows[name].split(" ")[0] for name in plain} == plain


def test_every_field_of_agent_toml_is_listed() -> None:
    """docs/agents.md and app/domain/agent.py name the same fields."""
    listed = {code(row[0]) for row in table(section("docs/agents.md", "agent.toml"))}

    assert listed == Agent.model_fields.keys() - {"name"}


def test_every_route_is_described(app: Flask) -> None:
    """No address answers that the documents don't know, and none is promised that doesn't answer."""
    real = {_shape(rule.rule) for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    named = re.findall(r"`(?:GET |POST |PUT |DELETE )?(/[^`\s?]*)[^`]*`", "".join(map(document, ROUTES)))

    assert {_shape(path) for path in named} == real


def test_every_method_of_the_api_is_described(app: Flask) -> None:
    """docs/api.md says how each of its addresses is asked."""
    asked = re.findall(r"^\| `(GET|POST|PUT|DELETE) (/[^`\s?]*)", document("docs/api.md"), re.MULTILINE)
    real = {
        (method, _shape(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(method, _shape(path)) for method, path in asked} <= real
    assert len(asked) == len(set(asked))


def _shape(path: str) -> str:
    return re.sub(r"<[^>]*>|\{[^}]*\}|\b[A-Z]+\b", "{}", path)


def test_the_state_machine_is_the_one_of_the_code() -> None:
    """The diagram has the transitions of app/domain/task.py, no more and no fewer."""
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)\b", document(STATES), re.MULTILINE))

    assert drawn == {(str(before), str(after)) for before, afters in TRANSITIONS.items() for after in afters}


@pytest.mark.parametrize(
    ("heading", "states"),
    [("Task states", TaskState), ("Attempt states", AttemptState), ("Holds", Hold)],
)
def test_every_state_is_explained(heading: str, states: type[TaskState | AttemptState | Hold]) -> None:
    """docs/state-machine.md explains each state and each hold."""
    assert {code(row[0]) for row in table(section(STATES, heading))} == set(states)


def test_every_reason_is_explained() -> None:
    """docs/reasons.md has each code, its sentence to the letter, and whether Errand tries again by itself."""
    rows = table(document("docs/reasons.md"))
    listed = {code(reason): (again.startswith("yes"), sentence) for reason, again, sentence, _ in rows}

    assert listed == {str(reason): (reason in TRANSIENT, SENTENCES[reason]) for reason in Reason}


def test_every_event_kind_is_described() -> None:
    """docs/protocol.md names each kind of Event with all of its fields."""
    described = {
        code(kind): set(re.findall(r"`(\w+)`", fields))
        for kind, fields, _ in table(section("docs/protocol.md", "Events"))
    }
    kinds = {model.model_fields["kind"].default: model for model in get_args(Event)}

    assert described == {kind: model.model_fields.keys() - {"kind"} for kind, model in kinds.items()}


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of ours, and to a heading in it, resolves."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document(str(path))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        file = (ROOT / path).parent / name if name else ROOT / path
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(link)

    assert broken == []


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_commands_exist(path: Path) -> None:
    """What a document tells one to type is there: programs, modules, and the words of `errand`."""
    shell = "\n".join(
        re.findall(r"^```(?:sh|console)\n(.*?)^```", document(str(path)), re.MULTILINE | re.DOTALL)
    )
    programs = re.findall(r"(?:^|\s)(bin/\w+)", shell)
    modules = re.findall(r"python -m ((?:app|bench)[\w.]*)", shell)
    words = re.findall(r"(?:^|\s|/)errand ([a-z]+)", shell)

    assert [name for name in programs if not (ROOT / name).is_file()] == []
    assert [name for name in modules if find_spec(name) is None] == []
    assert set(words) <= errand.commands.keys()


@pytest.mark.parametrize(("file", "groups"), CASES.items())
def test_every_case_is_proved_by_something_that_exists(file: str, groups: dict[str, set[int]]) -> None:
    """The table of the catalogue's cases names each of them once, and only functions that are there."""
    rows = table(section(file, "The cases, by id"))
    proofs = {code(row[0]): re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[2]) for row in rows}

    assert {f"{name}-{n:02}" for name, numbers in groups.items() for n in numbers} == proofs.keys()
    assert [case for case, named in proofs.items() if not named] == []
    assert [
        f"{path}::{name}"
        for path, name in sorted({proof for named in proofs.values() for proof in named})
        if not re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ] == []


def test_the_procfile_is_described() -> None:
    """docs/operations.md says of each line of the Procfile what it is and how many of it to run."""
    lines = document("Procfile").splitlines()
    described = {code(row[0]) for row in table(section(OPERATIONS, "On a PaaS"))}

    assert described == {line.partition(":")[0] for line in lines if line}


def test_the_changelog_knows_this_version() -> None:
    """A version that is not in CHANGELOG.md was not released."""
    version = tomllib.loads(document("pyproject.toml"))["project"]["version"]

    assert re.search(rf"^## \[{re.escape(version)}\]", document("CHANGELOG.md"), re.MULTILINE)
