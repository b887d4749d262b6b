"""A Delivery: from the bytes of a POST to something typed, without doing anything about it."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from app.github.errors import BadPayload
from app.github.json_body import read_object
from app.github.payload import (
    Lenient,
    Numbered,
    Payload,
    Repository,
    RepositoryName,
    User,
)

#: What each event that Errand reads has to bring along.
REQUIRED: dict[str, tuple[str, ...]] = {
    "check_run": ("repository", "sender", "check_run"),
    "check_suite": ("repository", "sender", "check_suite"),
    "issue_comment": ("repository", "sender", "issue", "comment"),
    "issues": ("repository", "sender", "issue"),
    "pull_request": ("repository", "sender", "pull_request"),
    "pull_request_review": ("repository", "sender", "pull_request", "review"),
    "pull_request_review_comment": ("repository", "sender", "pull_request", "review_comment"),
    "workflow_run": ("repository", "sender", "workflow_run"),
}
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class _Envelope(Lenient):
    """What is shown of an event that is not read."""

    action: str | None = None
    sender: User | None = None
    repository: RepositoryName | None = None
    installation: Numbered | None = None


class Delivery(BaseModel):
    """One webhook POST as received and understood."""

    model_config = ConfigDict(frozen=True)

    id: str
    event: str
    action: str | None
    repository: RepositoryName | None
    installation_id: int | None
    sender: User | None
    #: None for an event that Errand does not read.
    payload: Payload | None

    @property
    def name(self) -> str:
        """The event as GitHub's documentation names it: `issues.opened`."""
        return f"{self.event}.{self.action}" if self.action else self.event


def read_delivery(*, delivery_id: str | None, event: str | None, content_type: str, body: bytes) -> Delivery:
    """Return what a POST says; `body` has been verified.

    Raises PayloadTooLarge, UnsupportedType or BadPayload, and nothing else whatever the bytes are.
    """
    if event is None or not _EVENT.fullmatch(event):
        raise BadPayload("The header X-GitHub-Event is missing or not a name.")
    if delivery_id is None or not _ID.fullmatch(delivery_id):
        raise BadPayload("The header X-GitHub-Delivery is missing or not an id.")
    fields = read_object(body, content_type)
    if event not in REQUIRED:
        return _delivery(delivery_id, event, _envelope(fields), payload=None)
    payload = _payload(event, fields)
    return _delivery(delivery_id, event, payload, payload=payload)


def _delivery(
    delivery_id: str, event: str, seen: _Envelope | Payload, *, payload: Payload | None
) -> Delivery:
    repository: RepositoryName | Repository | None = seen.repository
    return Delivery(
        id=delivery_id,
        event=event,
        action=seen.action,
        repository=RepositoryName(id=repository.id, full_name=repository.full_name) if repository else None,
        installation_id=seen.installation.id if seen.installation else None,
        sender=seen.sender,
        payload=payload,
    )


def _payload(event: str, fields: dict[str, Any]) -> Payload:
    if event == "pull_request_review_comment":
        fields = {**fields, "review_comment": fields.get("comment"), "comment": None}
    try:
        payload = Payload.model_validate(fields)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise BadPayload(f"The field `{place}` is not what GitHub sends: {problem['msg']}.") from error
    missing = [name for name in REQUIRED[event] if getattr(payload, name) is None]
    if missing:
        raise BadPayload(f"The field `{missing[0]}` is missing.")
    return payload


def _envelope(fields: dict[str, Any]) -> _Envelope:
    """Read what is readable: an event that is ignored anyway is no reason to refuse anything."""
    found = _Envelope()
    for name in _Envelope.model_fields:
        try:
            one = _Envelope.model_validate({name: fields.get(name)})
        except ValidationError:
            continue
        found = found.model_copy(update={name: getattr(one, name)})
    return found
