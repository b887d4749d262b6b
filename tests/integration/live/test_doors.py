"""Who may go on looking: an open WebSocket is asked again, and closed when its sign-in or token has ended."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.db import migrate
from app.db.engine import Database
from tests.integration.live.stage import new_task
from tests.integration.live.web import TOKEN, Client, WebServer
from tests.services import RedisServer

_PASSWORD = "a password of some length"


@pytest.fixture
def web(tmp_path: Path, own_redis: RedisServer) -> Iterator[WebServer]:
    """A web process of its own."""
    url = f"sqlite:///{tmp_path / 'errand.db'}"
    migrate.upgrade(url)
    server = WebServer(tmp_path, database_url=url, redis_url=own_redis.url)
    server.start()
    yield server
    server.hang_up()
    server.stop()
    assert "Traceback" not in server.log


def _admin(web: WebServer) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{web.port}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20
    )


def _browser(web: WebServer, login: str) -> httpx.Client:
    base = f"http://127.0.0.1:{web.port}"
    browser = httpx.Client(base_url=base, headers={"Origin": base}, timeout=20)
    assert browser.post("/login", json={"login": login, "password": _PASSWORD}).status_code == 200
    # By hand: the cookie is Secure, for people come here over https.
    browser.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return browser


def _watch(web: WebServer, browser: httpx.Client) -> Client:
    base = f"http://127.0.0.1:{web.port}"
    return web.connect("/ws/tasks", token=None, header={"Cookie": browser.headers["Cookie"]}, origin=base)


def test_who_may_no_longer_look_is_closed_within_a_minute(web: WebServer) -> None:
    """WS-08: signed out, shut out, another role, a revoked token: 4401. Who may goes on looking."""
    with _admin(web) as admin:
        users = {
            login: admin.post(
                "/api/users", json={"login": login, "role": "viewer", "password": _PASSWORD}
            ).json()["id"]
            for login in ("out", "shut", "moved", "stays")
        }
        browsers = {login: _browser(web, login) for login in users}
        token = browsers["stays"].post("/api/tokens", json={"name": "t", "role": "viewer"}).json()
        sockets = {login: _watch(web, browser) for login, browser in browsers.items()}
        sockets["token"] = web.connect("/ws/tasks", token=token["token"])
        for socket in sockets.values():
            socket.ws.settimeout(60)

        assert browsers["out"].post("/logout").status_code == 204
        admin.post(f"/api/users/{users['shut']}", json={"disabled": True})
        admin.post(f"/api/users/{users['moved']}", json={"role": "operator"})
        admin.post(f"/api/tokens/{token['id']}/revoke")

        for name in ("out", "shut", "moved", "token"):
            assert (sockets[name].receive_all().code, sockets[name].messages) == (4401, []), name
        task = admin.post("/api/chat", json={"message": "x", "agent": "demo"}).json()["task_id"]
        seen = sockets["stays"].receive()
        assert seen is not None
        assert seen["task"]["id"] == task
    for browser in browsers.values():
        browser.close()


def test_every_role_may_look_at_every_task(web: WebServer, tmp_path: Path) -> None:
    """WS-09: tasks belong to the team, not to who made them; what is not there is 4404 to everybody."""
    db = Database(f"sqlite:///{tmp_path / 'errand.db'}")
    with _admin(web) as admin:
        admin.post("/api/users", json={"login": "a", "role": "viewer", "password": _PASSWORD})
        browser = _browser(web, "a")
        token = browser.post("/api/tokens", json={"name": "t", "role": "viewer"}).json()["token"]
        browser.close()
    task = new_task(db)
    client = web.connect(f"/ws/tasks/{task.id}", token=token)
    first = client.receive()
    db.close()

    assert first is not None
    assert first["task"]["id"] == task.id
    unknown = "00000000-0000-4000-8000-000000000000"
    assert web.connect(f"/ws/tasks/{unknown}", token=token).receive_all().code == 4404
