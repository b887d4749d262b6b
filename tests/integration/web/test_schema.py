"""The whole API against its own document, with each role: nothing breaks, surprises, or gets above itself."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app.domain.access import UserRole
from app.web.roles import ROLES
from tests.integration.web.people import browser_of, token_of

#: Not that of 5xx: 503 is an answer here (the webhooks are off). 500 is none.
_CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: Requests per call and role.
_EXAMPLES = 12


def _needed(app: Flask, method: str, path: str) -> UserRole | None:
    try:
        endpoint, _ = app.url_map.bind("localhost").match(path, method=method)
    except (HTTPException, RequestRedirect):
        return None  # no such address: 404 or 405 to everybody
    return ROLES[endpoint]


def _calls(app: Flask, headers: dict[str, str]) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app, headers=headers)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", list(UserRole))
def test_every_call_keeps_to_its_document_and_its_role(sqlite_app: Flask, role: UserRole) -> None:
    """No 500, no status, type or shape that is not documented, and 403 wherever the role is too low."""
    token = token_of(browser_of(sqlite_app, "somebody", role), role)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    asked = 0

    for operation in _calls(sqlite_app, headers):

        @given(case=operation.as_strategy())
        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            nonlocal asked
            answer = case.call_and_validate(headers=headers, checks=_CHECKS)
            asked += 1
            assert answer.status_code != 500, (case.method, case.formatted_path)
            needed = _needed(sqlite_app, case.method, case.formatted_path)
            if needed is not None and not role.covers(needed):
                assert answer.status_code == 403, (case.method, case.formatted_path)

        ask()

    assert asked > 20 * _EXAMPLES / 2
