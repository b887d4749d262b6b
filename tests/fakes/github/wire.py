"""Speaks HTTP for the stand-in: the REST API in pages, git, and what goes wrong on the way."""

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.fakes.github import git_http
from tests.fakes.github.calls import Fault, Recorded
from tests.fakes.github.routes import Refusal

if TYPE_CHECKING:
    from tests.fakes.github.server import FakeGitHub

#: Where an Enterprise server has its API; the rest is git's.
PREFIX = "/api/v3"


class Wire(BaseHTTPRequestHandler):
    """Reads a request, lets it fail where that is planted, and writes the answer."""

    github: ClassVar["FakeGitHub"]

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        """Answer every verb."""
        parts = urlsplit(self.path)
        body = self._body()
        if parts.path.startswith(PREFIX):
            self._api(parts.path.removeprefix(PREFIX), parts.query, body)
        else:
            self._git(parts.path, parts.query, body)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names that http.server calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _sent_on(self, path: str) -> bool:
        """Answer for a repository that has another name by now."""
        owner, name = ([*path.split("/")[2:4], "", ""])[:2]
        now = self.github.moved.get(f"{owner}/{name}") if path.startswith("/repos/") else None
        if now is None:
            return False
        where = f"{self.github.api_url}/repos/{now}{path.removeprefix(f'/repos/{owner}/{name}')}"
        content = json.dumps({"message": "Moved Permanently", "url": where}).encode()
        self._send(301 if self.command == "GET" else 307, content, [("Location", where)])
        return True

    def _api(self, path: str, query: str, body: bytes) -> None:
        if self._sent_on(path):
            return
        asked = json.loads(body) if body else None
        fault = self.github.take_fault(self.command, path, after=False)
        if fault is None:
            status, answer = self.github.answer(self.command, path, query, asked, dict(self.headers))
            fault = self.github.take_fault(self.command, path, after=True)
        else:
            status, answer = 0, None
        with self.github.lock:
            got = (fault.status or 0) if fault else status
            self.github.calls.append(Recorded(self.command, path, asked, got, self._by()))
        if fault is not None and self._planted(fault):
            return
        page, links = _page(answer, query, f"{self.github.api_url}{path}")
        self._send(status, _encoded(page), [("Content-Type", "application/json"), *links])

    def _by(self) -> str:
        try:
            return str(self.github.who(self.headers.get("Authorization")).account["login"])
        except Refusal:
            return ""

    def _planted(self, fault: Fault) -> bool:
        time.sleep(fault.delay)
        if fault.drops:
            self.close_connection = True
        elif fault.status is not None:
            content = json.dumps({"message": fault.message}).encode()
            self._send(fault.status, content, list(fault.headers.items()))
        return fault.drops or fault.status is not None

    def _git(self, path: str, query: str, body: bytes) -> None:
        fault = self.github.take_fault(self.command, path, after=False)
        if fault is not None and self._planted(fault):
            return
        full_name = path.removeprefix("/").partition(".git/")[0]
        level = "write" if "git-receive-pack" in f"{path}?{query}" else "read"
        token = git_http.password(self.headers.get("Authorization"))
        if not self.github.may(token, full_name, "contents", level):
            self._send(401, b"", [("WWW-Authenticate", 'Basic realm="GitHub"')])
            return
        found = git_http.serve(
            self.github.folder,
            verb=self.command,
            path=path,
            query=query,
            headers=dict(self.headers),
            body=body,
        )
        fault = self.github.take_fault(self.command, path, after=True)
        if fault is None or not self._planted(fault):
            self._send(found.status, found.body, found.headers)

    def _send(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
        try:
            self.send_response_only(status)
            if all(name != "Date" for name, _ in headers):
                self.send_header("Date", self.date_time_string())
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # who asked did not wait, which is what some tests are about


def _encoded(answer: Any) -> bytes:
    if answer is None:
        return b""
    return answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()


def _page(answer: Any, query: str, address: str) -> tuple[Any, list[tuple[str, str]]]:
    """Return one page of a list, and where the next and the last are."""
    if not isinstance(answer, list):
        return answer, []
    asked = dict(parse_qsl(query))
    size, page = int(asked.get("per_page", 30)), int(asked.get("page", 1))
    last = -(-len(answer) // size)
    links = [
        f'<{address}?{urlencode({**asked, "per_page": size, "page": number})}>; rel="{name}"'
        for name, number in (("prev", page - 1), ("next", page + 1), ("last", last), ("first", 1))
        if 0 < number <= last and (page > 1 if name in {"prev", "first"} else page < last)
    ]
    shown = answer[(page - 1) * size : page * size]
    return shown, [("Link", ", ".join(links))] if links else []
