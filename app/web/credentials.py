"""Credentials, for admins: kept, replaced, removed, tried again. No answer holds a value."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from app.clock import rfc3339, utcnow
from app.credentials import Contents
from app.db import credentials
from app.db.engine import Connection
from app.domain.credential import Credential, CredentialState
from app.domain.credentials import expiry
from app.errors import Conflict, Invalid
from app.web.access import identity
from app.web.credential_schemas import (
    CredentialIn,
    CredentialList,
    CredentialOut,
    CredentialPath,
    CredentialRow,
    Released,
    Rotated,
)
from app.web.openapi import SECURITY, Answer, problems
from app.web.services import services
from app.web.trace import entry, record, recorded

blueprint = APIBlueprint("credentials", __name__, abp_tags=[Tag(name="credentials")], abp_security=SECURITY)

_CHANGE = (403, 404, 413, 415)


@blueprint.get("/api/credentials", responses={200: CredentialList, **problems(403)})
def index() -> Answer:
    """List the credentials, and how many tasks wait for each; never a value."""
    rows, waiting = services().db.read(lambda c: (credentials.all_of(c), credentials.awaited(c)))
    return {"items": [shown(row, waiting.get(row.name, 0)) for row in rows]}


@blueprint.put("/api/credentials/<name>", responses={200: CredentialOut, **problems(*_CHANGE)})
def put(path: CredentialPath, body: CredentialIn) -> Answer:
    """Store a credential, or a new value of one; tasks that wait for it go on."""
    who = identity()

    def within(work: Callable[[Connection], Credential]) -> Credential:
        return recorded(work, "credential stored", lambda kept: (kept.name, str(kept.kind)), by=who)

    kept = services().safe.put(path.name, _contents(body), expires_at=_ends(body), within=within)
    services().waiting.release(kept.name)
    return shown(kept, 0)


@blueprint.delete("/api/credentials/<name>", responses={204: None, **problems(*_CHANGE)})
def delete(path: CredentialPath) -> Answer:
    """Forget a credential; a CLI that runs with it goes on."""
    work = partial(credentials.remove, name=path.name)
    recorded(work, "credential removed", lambda _: (path.name, ""), by=identity())
    return Response(status=204)


@blueprint.post("/api/credentials/<name>/retry", responses={200: Released, **problems(*_CHANGE, 409)})
def retry(path: CredentialRow) -> Answer:
    """Let a refused credential be used again: the tasks that wait for it go on."""
    mended = partial(_mended, name=path.name)
    about = (path.name, "")
    if not recorded(mended, "credential retried", lambda done: about if done else None, by=identity()):
        raise Conflict(f"The credential {path.name!r} was not refused.", reason="not_refused")
    return {"released": services().waiting.release(path.name)}


@blueprint.post("/api/credentials/rotate", responses={200: Rotated, **problems(*_CHANGE)})
def rotate() -> Answer:
    """Encrypt every credential and every webhook's secret again, under the newest of the server's keys."""
    done, unreadable = services().safe.rotate()
    record(entry("credentials rotated", detail=f"{len(done)} under the newest key", by=identity()))
    hooks_done, hooks_unreadable = services().hooks.reseal()
    return {"rotated": [*done, *hooks_done], "unreadable": [*unreadable, *hooks_unreadable]}


def shown(row: Credential, waiting: int) -> dict[str, Any]:
    """Return a credential as the API shows it."""
    state = row.stands(utcnow()) if services().safe.readable(row) else CredentialState.UNREADABLE
    return {
        "name": row.name,
        "kind": row.kind,
        "variables": list(row.variables),
        "set": bool(row.secret),
        "last4": row.last4,
        "state": state,
        "detail": row.detail if state in {CredentialState.REFUSED, CredentialState.EXPIRED} else "",
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "expires_at": None if row.expires_at is None else rfc3339(row.expires_at),
        "retry_at": None if row.probe_at is None else rfc3339(row.probe_at),
        "waiting": waiting,
    }


def _mended(c: Any, name: str) -> bool:
    refused = credentials.get(c, name).state is CredentialState.REFUSED
    credentials.mend(c, name)
    return refused


def _contents(body: CredentialIn) -> Contents:
    if (body.variables is None) == (body.claude is None):
        message = "Give either variables, or the content of a .credentials.json as claude."
        raise Invalid(message, reason="credential_invalid")
    if body.variables is not None:
        return Contents.of_variables({key: value.strip() for key, value in body.variables.items()})
    return Contents.of_claude(body.claude or "")


def _ends(body: CredentialIn) -> Any:
    if body.expires_at is None:
        return None
    try:
        return expiry(body.expires_at)
    except ValueError as error:
        raise Invalid(f"expires_at {error}.", reason="credential_invalid") from None
