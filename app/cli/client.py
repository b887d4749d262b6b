"""The REST calls the command makes; whatever goes wrong comes out as one sentence."""

import ssl
import uuid
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from app.cli.errors import NotReachable, Refused
from app.cli.sanitise import one_line
from app.cli.server import Server
from app.errors import Invalid, Unauthorized

#: Seconds. Connecting is quick or hopeless; an answer may wait for a busy database.
_TIMEOUT = httpx.Timeout(35, connect=5)
#: How often a message is sent that may not have been heard.
_TRIES = 3
_PAGE = 1000

_ELSEWHERE = "If it runs elsewhere, say where with --url or ERRAND_URL."


class Client:
    """One server, signed in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        headers = {"Accept": "application/json"}
        if server.token is not None:
            headers["Authorization"] = f"Bearer {server.token}"
        # Reading the list of authorities takes a while; without TLS nobody needs one.
        secure = server.url.startswith("https:")
        verify = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(
            base_url=_url(server.url),
            headers=headers,
            timeout=_TIMEOUT,
            verify=verify,
            trust_env=not server.local,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def chat(self, message: str, *, agent: str | None, session_id: str | None) -> dict[str, Any]:
        """Ask for a Task; a connection that breaks meanwhile does not make a second one."""
        wanted = {"message": message, "agent": agent, "session_id": session_id}
        body = {name: value for name, value in wanted.items() if value is not None}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._object(self._http.post("/api/chat", json=body, headers=headers))
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if not tries_left:
                    raise self._unreachable(error) from error
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
        raise AssertionError

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the Task as it stands."""
        return self._get(f"/api/tasks/{task_id}")

    def tasks(self, *, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Return the newest Tasks."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            query = {"state": state, "limit": limit - len(found), "cursor": cursor}
            given = {name: value for name, value in query.items() if value is not None}
            page = self._get("/api/tasks", given)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found[:limit]

    def events(self, task_id: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the Events stored so far, in order, many at a time."""
        after = 0
        while True:
            page = self._get(f"/api/tasks/{task_id}/events", {"after": after, "limit": _PAGE})
            if page["events"]:
                yield page["events"]
            if not page["events"] or page["events"][-1]["seq"] >= page["last_seq"]:
                return
            after = page["events"][-1]["seq"]

    def output(self, task_id: str) -> Iterator[bytes]:
        """Yield what the CLI wrote to stdout."""
        try:
            with self._http.stream("GET", f"/api/tasks/{task_id}/output") as answer:
                if answer.is_error:
                    answer.read()
                    self._raise(answer)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def cancel(self, task_id: str) -> dict[str, Any]:
        """Stop the Task."""
        return self._post(f"/api/tasks/{task_id}/cancel")

    def retry(self, task_id: str) -> dict[str, Any]:
        """Run the Task again."""
        return self._post(f"/api/tasks/{task_id}/retry")

    def agents(self) -> dict[str, Any]:
        """Return the agents and the problems found."""
        return self._get("/api/agents")

    def ready(self) -> list[str]:
        """Return what is missing; raises Refused where the database can't be used."""
        names: list[str] = self._get("/readyz")["degraded"]
        return names

    def status(self) -> dict[str, Any]:
        """Return how the whole stands."""
        return self._get("/api/status")

    def get(self, path: str) -> dict[str, Any]:
        """Return what is at this address."""
        return self._get(path)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Put something there; return what it is then."""
        try:
            return self._object(self._http.put(path, json=body))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def post(self, path: str) -> dict[str, Any]:
        """Have something done; return what came of it."""
        return self._post(path)

    def delete(self, path: str) -> None:
        """Delete what is there."""
        try:
            answer = self._http.delete(path)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if not answer.is_success:
            self._raise(answer)

    def _get(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return self._object(self._http.get(path, params=query))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _post(self, path: str) -> dict[str, Any]:
        try:
            return self._object(self._http.post(path))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _object(self, answer: httpx.Response) -> dict[str, Any]:
        if not answer.is_success:
            self._raise(answer)
        found = _json(answer)
        if found is None:
            raise self._stranger()
        return found

    def _raise(self, answer: httpx.Response) -> None:
        content = _json(answer) or {}
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise not_signed_in(self.server)
        if "detail" not in content:
            raise self._stranger(f" (status {answer.status_code})")
        sentence = one_line(str(content["detail"]), 1000)
        raise Refused(sentence, status=answer.status_code, reason=str(content.get("reason", "refused")))

    def _stranger(self, more: str = "") -> NotReachable:
        return NotReachable(f"What answers at {self.server.url} is not Errand{more}. {_ELSEWHERE}")

    def _unreachable(self, error: httpx.HTTPError) -> NotReachable:
        return not_reachable(self.server, str(error) or type(error).__name__)


def not_reachable(server: Server, why: str) -> NotReachable:
    """Say that nobody answers, and how to have somebody answer."""
    start = "Start it with bin/up." if server.local else "Check that it runs."
    return NotReachable(f"No Errand answers at {server.url} ({one_line(why, 200)}). {start} {_ELSEWHERE}")


def not_signed_in(server: Server) -> Unauthorized:
    """Say that the token is missing or wrong, and which one to set."""
    what = "asks for a token" if server.token is None else "does not take this token"
    return Unauthorized(f"{server.url} {what}. {server.hint}")


def _url(address: str) -> httpx.URL:
    try:
        return httpx.URL(address)
    except httpx.InvalidURL as error:
        raise Invalid(f"{address!r} is not the address of a server: {error}") from error


def _json(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
