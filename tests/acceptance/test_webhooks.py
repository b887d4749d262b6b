"""A webhook in everything real: a signed POST over HTTP, a task, and its end told to a receiver."""

import json

import httpx

from app.webhooks.signing import signature
from tests.acceptance.conftest import Starter
from tests.fakes.receiver import Receiver
from tests.waiting import wait_until

BODY = {"alert": {"id": 7, "title": "disk full @/etc/passwd"}}


def test_from_a_signed_post_to_the_callback(start_errand: Starter) -> None:
    """Once for two deliveries that are one; redirects that the receiver tries lead nowhere."""
    receiver = Receiver(lambda n: (302, {"Location": "/elsewhere"}) if n == 1 else (204, {}))
    # Its CLI is ours, and the machine of a test may forbid the cage.
    errand = start_errand(env={"ERRAND_CALLBACK_HOSTS": receiver.host, "ERRAND_SANDBOX_FLOOR": "0"})
    try:
        with errand.client() as admin:
            secrets = _made(admin, receiver.url)
            task_id = _delivered(errand.url, secrets["secret"])
            wait_until(lambda: len(receiver.received) == 2, 90, message="the end is told")
            task = admin.get(f"/api/tasks/{task_id}").json()
            [first, second] = admin.get("/api/webhooks/alerts/deliveries").json()["items"]
    finally:
        receiver.close()

    told = receiver.received[1]
    sent_at = told.headers["X-Errand-Timestamp"].encode()
    assert (
        signature(secrets["callback_secret"], sent_at + b"." + told.body)
        == told.headers["X-Errand-Signature"]
    )
    assert {one.path for one in receiver.received} == {"/told?by=errand"}
    assert told.json["task"]["result"] == task["result"]
    assert (task["state"], task["from_outside"]) == ("completed", True)
    assert "@/etc" not in task["message"]
    assert (first["verdict"], second["verdict"]) == ("known", "task")
    assert secrets["secret"] not in errand.log
    assert secrets["callback_secret"] not in errand.log


def _made(admin: httpx.Client, callback_url: str) -> dict[str, str]:
    hook = {"name": "alerts", "agent": "demo", "template": "See {{ alert.title }}.", "dedupe": "alert.id"}
    answer = admin.post("/api/webhooks", json={**hook, "callback_url": callback_url})
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def _delivered(url: str, secret: str) -> str:
    body = json.dumps(BODY).encode()
    headers = {"Content-Type": "application/json", "X-Errand-Signature": signature(secret, body)}
    answers = [httpx.post(f"{url}/webhooks/alerts", content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    [task_id] = {answer.json()["task_id"] for answer in answers}
    wrong = {**headers, "X-Errand-Signature": "sha256=" + "0" * 64}
    refused = httpx.post(f"{url}/webhooks/alerts", content=body, headers=wrong)
    assert refused.status_code == 401
    for large in (b"x" * 5_000_000, iter([b"x" * 1_000_000] * 5)):
        assert httpx.post(f"{url}/webhooks/alerts", content=large, headers=headers).status_code == 413
    return str(task_id)
