"""The OpenAPI document is valid, complete, and the same as docs/api.md says."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from tests.integration.web.conftest import signed_in

DOCS = Path(__file__).resolve().parents[3] / "docs" / "api.md"
#: Served, but not a call: pages, files, WebSockets (docs/protocol.md), the document itself.
NOT_CALLS = re.compile(r"^/(static/|ws/|sessions/|tasks/|settings$|deliveries$|$|api/openapi\.json$)")
PARAMETER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")


def calls(app: Flask) -> set[str]:
    """Return every call as `METHOD /path`."""
    return {
        method + " " + PARAMETER.sub(r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not NOT_CALLS.match(rule.rule)
    }


def test_the_document_is_valid(sqlite_client: FlaskClient) -> None:
    """By the judgement of a validator, not ours."""
    answer = sqlite_client.get("/api/openapi.json")

    assert answer.status_code == 200
    validate(answer.get_json())


def test_the_document_names_every_call(sqlite_app: Flask, sqlite_client: FlaskClient) -> None:
    """None is left out, none is made up."""
    paths = sqlite_client.get("/api/openapi.json").get_json()["paths"]

    documented = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}

    assert documented == calls(sqlite_app)


def test_docs_name_every_call(sqlite_app: Flask) -> None:
    """docs/api.md has a line for each, and none that is not there."""
    written = set(re.findall(r"^\| `([A-Z]+ /[^`? ]*)", DOCS.read_text(), re.MULTILINE))

    assert written == calls(sqlite_app)


def test_every_call_documents_its_refusals(sqlite_client: FlaskClient) -> None:
    """As problem+json; who may come in is said on each."""
    document = sqlite_client.get("/api/openapi.json").get_json()

    for path, item in document["paths"].items():
        for operation in item.values():
            assert {"500", "503"} <= set(operation["responses"]), path
            assert operation.get("security") is not None, path
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert set(answer["content"]) == {"application/problem+json"}, (path, status)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_a_method_that_is_not_taken_is_a_problem(sqlite_client: FlaskClient, method: str) -> None:
    """405 with Allow, as JSON."""
    answer = sqlite_client.open("/api/tasks", method=method)

    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert answer.get_json()["reason"] == "method_not_allowed"
    assert "GET" in answer.headers["Allow"]


def test_head_and_options_are_sane(sqlite_client: FlaskClient) -> None:
    """HEAD is GET without the body; OPTIONS says what is taken."""
    head, options = sqlite_client.head("/api/tasks"), sqlite_client.options("/api/chat")

    assert (head.status_code, head.get_data()) == (200, b"")
    assert options.status_code == 200
    assert "POST" in options.headers["Allow"]


def _fail() -> str:
    raise KeyError("a secret")


def test_an_error_of_ours_is_a_500_that_tells_nothing(sqlite_app: Flask) -> None:
    """The log has the traceback; the client has a sentence."""
    sqlite_app.view_functions["status.show"] = _fail

    answer = signed_in(sqlite_app).get("/api/status")

    assert (answer.status_code, answer.get_json()["reason"]) == (500, "internal")
    assert "KeyError" not in answer.get_data(as_text=True)
    assert "a secret" not in answer.get_data(as_text=True)


def test_a_person_gets_a_page_where_there_is_nothing(sqlite_client: FlaskClient) -> None:
    """With the same sentence a program would get."""
    answer = sqlite_client.get("/nope", headers={"Accept": "text/html,*/*;q=0.8"})

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert b"There is nothing at this address" in answer.get_data()
    assert (
        sqlite_client.get("/api/nope", headers={"Accept": "text/html"}).mimetype == "application/problem+json"
    )
