"""GitHub's side of a sign-in, as far as a browser and Errand see it: checks the secret, the code and PKCE."""

import base64
import hashlib
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "an-oauth-app", "the-secret-of-the-oauth-app"


class GithubStandIn:
    """One GitHub on a loopback port. Who is signed in there is `account`; they are active in `orgs`."""

    def __init__(self) -> None:
        self.account: dict[str, Any] = {"id": 1, "login": "octocat"}
        self.orgs: set[str] = set()
        self.breaks = False
        self.scopes: list[str | None] = []
        self._codes: dict[str, str] = {}
        self._tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers; its API is below /api/v3, as an Enterprise server has it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _authorize(self, query: dict[str, str]) -> str:
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        self.scopes.append(query.get("scope"))
        code = secrets.token_hex(8)
        self._codes[code] = query["code_challenge"]
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def _exchange(self, form: dict[str, str], *, given_secret: bool) -> dict[str, Any]:
        challenge = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge is None or shown != challenge or not given_secret:
            # With status 200, as GitHub does.
            return {"error": "bad_verification_code", "error_description": "The code is incorrect."}
        token = f"gho_{secrets.token_hex(18)}"
        self._tokens.add(token)
        return {"access_token": token, "token_type": "bearer", "scope": ""}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if address.path == "/login/oauth/authorize":
                    query = {name: values[0] for name, values in parse_qs(address.query).items()}
                    self.send_response(302)
                    self.send_header("Location", stand_in._authorize(query))
                    self.end_headers()
                    return
                token = self.headers.get("Authorization", "").partition(" ")[2]
                if stand_in.breaks:
                    self._say(502, {})
                elif token not in stand_in._tokens:
                    self._say(401, {"message": "Bad credentials"})
                elif address.path == "/api/v3/user":
                    self._say(200, stand_in.account)
                else:
                    org = address.path.removeprefix("/api/v3/user/memberships/orgs/")
                    known = org in stand_in.orgs
                    self._say(200 if known else 404, {"state": "active"} if known else {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
                given = form.get("client_secret") == CLIENT_SECRET or basic in self.headers.get(
                    "Authorization", ""
                )
                self._say(200, stand_in._exchange(form, given_secret=given))

            def _say(self, status: int, content: dict[str, Any]) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
