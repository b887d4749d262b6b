"""From a Delivery to rows, with the stand-in for GitHub: taken up once, or refused with words."""

import itertools
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.agents import Agents
from app.clock import utcnow
from app.db import deliveries, replies, tasks
from app.db.engine import Database
from app.db.github_rows import replies as replies_table
from app.domain.delivery import Decision, DeliveryState, Recorded, Verdict
from app.domain.reply import KeptReply, KeptState, ReplyKind
from app.domain.task import Task, TaskId, TaskState
from app.github.delivery import read_delivery
from app.github.intake import Intake
from app.settings import PROJECT_ROOT, Settings
from app.web.webhooks import recorded
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.server import FakeGitHub
from tests.fakes.github.state import Repository, account


class Bell:
    """Remembers for whom it was rung."""

    def __init__(self) -> None:
        self.rung: list[TaskId] = []

    def ring(self, task_id: TaskId, *, countdown: float | None = None) -> bool:  # noqa: ARG002 - a Bell's own
        """Remember it."""
        self.rung.append(task_id)
        return True

    def deliver(self, delivery_id: str) -> bool:  # noqa: ARG002 - a Bell's own
        """Nobody rings for Deliveries here."""
        return True


class Echoes:
    """Hears nothing."""

    def publish_task(self, task: Task) -> None:
        """There is no Viewer."""


class Errand:
    """Deliveries come in, and are read at once."""

    def __init__(self, db: Database, github: FakeGitHub, hello: Repository, folder: Path) -> None:
        self.db, self.github, self.hello, self.folder = db, github, hello, folder
        self.bell = Bell()
        self._numbers = itertools.count(1)

    def intake(self, **given: Any) -> Intake:
        """Return what reads Deliveries, set up in some way."""
        values: dict[str, Any] = {
            "github_app_id": self.github.app_id,
            "github_app_private_key": self.github.app_key,
            "github_api_url": self.github.api_url,
            "data_dir": self.folder,
            **given,
        }
        settings = Settings(_env_file=None, **values)
        agents = Agents(PROJECT_ROOT / "agents")
        return Intake(settings, db=self.db, agents=agents, bell=self.bell, publisher=Echoes())

    def receive(self, event: str, payload: dict[str, Any]) -> str:
        """Keep a Delivery as the web does."""
        place = {"id": self.hello.id, "full_name": self.hello.full_name}
        pull = payload.get("pull_request")
        if pull:
            pull["head"]["repo"] = pull["head"]["repo"] and {**place, **_elsewhere(pull)}
        body = payloads.encode({**payload, "repository": {**payloads.REPOSITORY, **place}})
        kind = "application/json"
        delivery = read_delivery(
            delivery_id=f"d-{next(self._numbers)}", event=event, content_type=kind, body=body
        )
        row = recorded(delivery, content_type=kind)
        self.db.write(deliveries.record, row, body)
        return row.id

    def deliver(self, event: str, payload: dict[str, Any], **given: Any) -> Recorded:
        """Keep a Delivery, read it, and return what became of it."""
        delivery_id = self.receive(event, payload)
        self.intake(**given).read(delivery_id)
        return self.row(delivery_id)

    def say(self, text: str, *, sender: dict[str, Any] | None = None, **given: Any) -> Recorded:
        """Let somebody comment on the issue."""
        said = self.hello.add_comment(1, text, sender or payloads.user())
        return self.deliver(
            "issue_comment", payloads.comment(text, sender=sender, number=said["id"]), **given
        )

    def row(self, delivery_id: str) -> Recorded:
        """Return what is known of a Delivery."""
        return self.db.read(deliveries.get, delivery_id)

    def reply(self, row: Recorded) -> KeptReply:
        """Return the Reply that a Delivery led to."""
        found = self.db.read(replies.of_delivery, row.id)
        assert found is not None
        return found

    def task(self, row: Recorded) -> Task:
        """Return the Task that a Delivery led to."""
        assert row.task_id is not None, row
        return self.db.read(tasks.get, row.task_id)

    def all_tasks(self) -> list[Task]:
        """Return every Task."""
        return self.db.read(tasks.page, limit=200).items


def _elsewhere(pull: dict[str, Any]) -> dict[str, Any]:
    return {"id": 5, "full_name": "eve/hello"} if pull.get("from_fork") else {}


@pytest.fixture
def errand(database_url: str, github: FakeGitHub, hello: Repository, tmp_path: Path) -> Iterator[Errand]:
    """An Errand over each kind of database."""
    db = Database(database_url)
    yield Errand(db, github, hello, tmp_path)
    db.close()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def test_a_comment_becomes_a_task(errand: Errand) -> None:
    """WH-01: the words behind the mention, from outside, with eyes on the comment and one Reply to come."""
    row = errand.say("@agent mend the README")
    task, reply = errand.task(row), errand.reply(row)

    assert (row.state, row.verdict, row.code) == (DeliveryState.DONE, Verdict.TASK, "mention")
    assert (task.message, task.agent, task.from_outside) == ("mend the README", "brain", True)
    assert (reply.task_id, reply.kind, reply.requester) == (task.id, ReplyKind.TASK, "mona")
    assert errand.bell.rung == [task.id]
    [eyes] = errand.hello.reactions["comments", reply.trigger.key.object_id]
    assert (eyes["content"], eyes["id"]) == ("eyes", reply.reaction_id)


def test_a_thread_is_one_conversation(errand: Errand) -> None:
    """The second question joins the first's Session and waits for it; its agent stays, unless named."""
    first = errand.task(errand.say("@agent planning: think"))
    second = errand.task(errand.say("@agent and now?"))
    third = errand.task(errand.say("@agent reviewer: look"))

    assert first.session_id == second.session_id == third.session_id
    assert [task.agent for task in (first, second, third)] == ["planning", "planning", "reviewer"]
    assert errand.bell.rung == [first.id]


def test_the_same_delivery_read_twice_does_nothing_more(errand: Errand) -> None:
    """WH-06: whoever reads it again finds it done; eight at once make one Task."""
    delivery_id = errand.receive("issue_comment", payloads.comment("@agent look", number=_comment(errand)))
    intake = errand.intake()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(intake.read, [delivery_id] * 8))

    assert len(errand.all_tasks()) == 1
    assert len(errand.bell.rung) == 1
    assert len(errand.hello.reactions["comments", _number(errand)]) == 1


def test_the_same_question_under_another_id_is_known(errand: Errand) -> None:
    """WH-06: GitHub's id is not signed; eight at once lead to one Task, and the others name it."""
    payload = payloads.comment("@agent look", number=_comment(errand))
    ids = [errand.receive("issue_comment", payload) for _ in range(8)]
    intake = errand.intake()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(intake.read, ids))

    rows = [errand.row(delivery_id) for delivery_id in ids]
    assert sorted(str(row.verdict) for row in rows) == ["known"] * 7 + ["task"]
    assert len({row.task_id for row in rows}) == 1
    assert len(errand.all_tasks()) == 1


def _comment(errand: Errand) -> int:
    return int(errand.hello.add_comment(1, "@agent look", payloads.user())["id"])


def _number(errand: Errand) -> int:
    return next(iter(errand.hello.comments))


@pytest.mark.parametrize(("role", "said"), [("read", "read"), ("triage", "triage"), (None, "no")])
def test_who_may_not_write_is_refused_quietly(errand: Errand, role: str | None, said: str) -> None:
    """WH-12: no Task, nothing on GitHub, and the reason for whoever looks."""
    errand.hello.roles.pop("mona")
    if role:
        errand.hello.roles["mona"] = role
    row = errand.say("@agent look")

    assert (row.verdict, row.code) == (Verdict.REFUSED, "permission")
    assert row.reason == f"mona has {said} permission; write is needed."
    assert errand.all_tasks() == []
    assert errand.github.asked("POST", "reactions|comments") == []


def test_bots_are_refused_unless_listed(errand: Errand) -> None:
    """WH-13: a listed one passes the same gate; its name in a person's hands is no bot's."""
    bot = payloads.user("helper[bot]", number=9, kind="Bot")
    errand.hello.roles["helper[bot]"] = "write"
    refused = errand.say("@agent look", sender=bot)
    allowed = errand.say("@agent look", sender=bot, github_bots="helper[bot]")
    command = errand.say("@agent stop", sender=bot, github_bots="helper[bot]")

    assert refused.verdict in {Verdict.REFUSED, Verdict.IGNORED}
    assert allowed.verdict is Verdict.TASK
    assert (command.verdict, command.code) == (Verdict.REFUSED, "bot_command")


def test_our_own_words_ask_for_nothing(errand: Errand) -> None:
    """WH-11: whoever we are was asked from GitHub."""
    row = errand.say("@agent look", sender=payloads.user(errand.github.app_login, number=42, kind="Bot"))

    assert row.verdict is Verdict.IGNORED
    assert errand.all_tasks() == []


def test_ten_rounds_of_two_bots_end_with_one_notice(errand: Errand) -> None:
    """Both are listed and may write: the cap ends it, and one notice says so."""
    bots = [payloads.user(f"{name}[bot]", number=number, kind="Bot") for name, number in (("a", 1), ("b", 2))]
    for bot in bots:
        errand.hello.roles[bot["login"]] = "write"
    rows = [
        errand.say(f"@agent round {number}", sender=bots[number % 2], github_bots="a[bot],b[bot]")
        for number in range(20)
    ]

    assert [str(row.verdict) for row in rows] == ["task"] * 3 + ["refused"] * 17
    assert {row.code for row in rows[3:]} == {"cap_thread_bots"}
    notices = [errand.db.read(replies.of_delivery, row.id) for row in rows[3:]]
    assert [notice.kind for notice in notices if notice] == [ReplyKind.PAUSED]

    assert errand.say("@agent a person asks").verdict is Verdict.TASK


def test_while_github_is_away_nobody_is_let_in(errand: Errand) -> None:
    """WH-14: it is put off with its reason, for as long as GitHub asks, and done once GitHub answers."""
    errand.github.fail("GET", "permission", status=403, headers={"Retry-After": "600"})
    row = errand.say("@agent look")

    assert (row.state, row.verdict, row.tries) == (DeliveryState.RECEIVED, None, 1)
    assert "403" in row.reason
    assert row.not_before is not None
    assert 590 < (row.not_before - utcnow()).total_seconds() <= 600
    assert errand.all_tasks() == []

    errand.intake().read(row.id)
    assert errand.row(row.id).verdict is None  # not before its time
    errand.db.write(deliveries.take_again, row.id)
    errand.intake().read(row.id)
    assert errand.row(row.id).verdict is Verdict.TASK


@pytest.mark.parametrize("fault", [{"status": 500}, {"drops": True}, {"status": 401}])
def test_no_answer_is_no_permission(errand: Errand, fault: dict[str, Any]) -> None:
    """WH-14: whatever keeps GitHub from answering; after the last try the row says that it failed."""
    errand.github.fail("GET", "permission", times=100, **fault)
    row = errand.say("@agent look")
    for _ in range(19):
        errand.db.write(deliveries.put_off, row.id, utcnow(), None)
    errand.intake().read(row.id)

    failed = errand.row(row.id)
    assert (failed.state, failed.verdict) == (DeliveryState.DONE, Verdict.FAILED)
    assert errand.all_tasks() == []


def test_a_fork_is_refused_by_default(errand: Errand) -> None:
    """WH-15: where the head is elsewhere, and where its fork is gone; allowed it says so in the Reply."""
    from_fork, gone = (payloads.pull(number, body="@agent look") for number in (3, 4))
    from_fork["from_fork"], gone["head"]["repo"] = True, None

    for pull in (from_fork, gone):
        row = errand.deliver("pull_request", payloads.envelope("opened", None, pull_request=pull))
        assert (row.verdict, row.code) == (Verdict.REFUSED, "fork")
    allowed = payloads.envelope("edited", None, pull_request=from_fork, changes={"body": {"from": ""}})
    assert errand.reply(errand.deliver("pull_request", allowed, github_forks=True)).is_fork


def test_a_review_is_one_question(errand: Errand) -> None:
    """WH-06: its text and all its comments; a comment of it that comes as a Delivery too is known."""
    review = errand.hello.add_review(2, "@agent mend these", account("mona", 7))
    line = errand.hello.add_line_comment(2, "@agent rename this", account("mona", 7), review=review["id"])
    whole = payloads.review("@agent mend these")
    whole["pull_request"]["number"], whole["review"]["id"] = 2, review["id"]
    part = payloads.review_comment("@agent rename this", number=line["id"])
    part["pull_request"]["number"], part["comment"]["pull_request_review_id"] = 2, review["id"]

    first = errand.deliver("pull_request_review", whole)
    second = errand.deliver("pull_request_review_comment", part)

    assert "mend these" in errand.task(first).message
    assert "rename this" in errand.task(first).message
    assert (second.verdict, second.task_id) == (Verdict.KNOWN, first.task_id)


def test_a_comment_on_a_pull_request_gets_its_head(errand: Errand) -> None:
    """GitHub does not send it; it is asked for, and kept with the Reply."""
    said = errand.hello.add_comment(2, "@agent look", payloads.user())
    payload = payloads.comment("@agent look", on_pull=True, number=said["id"])
    payload["issue"]["number"] = 2
    reply = errand.reply(errand.deliver("issue_comment", payload))

    assert reply.head is not None
    assert (reply.head.ref, reply.is_fork) == ("topic", False)


def test_the_signed_words_are_what_is_asked(errand: Errand) -> None:
    """WH-16: the comment was edited since; the payload's text counts."""
    number = _comment(errand)
    errand.hello.comments[number]["body"] = "@agent delete everything"
    row = errand.deliver("issue_comment", payloads.comment("@agent look", number=number))

    assert errand.task(row).message == "look"


def test_a_label_asks_and_is_taken_off(errand: Errand) -> None:
    """It names an agent; the issue's own text is what there is to work on."""
    payload = payloads.issues("labeled", label={"name": "agent:planning"})
    row = errand.deliver("issues", payload)
    task = errand.task(row)

    assert (task.agent, task.message) == ("planning", "Work on what this issue asks for.")
    assert [call.status for call in errand.github.asked("DELETE", "/issues/1/labels/")] != []


def test_commands_act_on_the_thread(errand: Errand) -> None:
    """Nothing to stop; then stop, which is known the second time; retry; status; help."""
    assert errand.reply(errand.say("@agent stop")).kind is ReplyKind.NOTHING
    first, second = (errand.task(errand.say(f"@agent {word}")) for word in ("one", "two"))
    stop = errand.say("@agent stop")
    assert (stop.verdict, stop.reason) == (Verdict.COMMAND, "Stopped: 2 tasks.")
    states = [errand.db.read(tasks.get, task.id).state for task in (first, second)]
    assert states == [TaskState.CANCELLED, TaskState.CANCELLED]

    retried = errand.say("@agent retry")
    assert (retried.verdict, errand.db.read(tasks.get, second.id).state) == (
        Verdict.COMMAND,
        TaskState.QUEUED,
    )
    assert errand.reply(errand.say("@agent retry")).kind is ReplyKind.NOTHING
    status, guide = errand.reply(errand.say("@agent status")), errand.reply(errand.say("@agent help"))
    assert "queued since" in (status.text or "")
    assert "planning" in (guide.text or "")
    assert "@agent" not in (status.text or "") + (guide.text or "")
    reactions = [call.body["content"] for call in errand.github.asked("POST", "/reactions")]
    assert (reactions.count("eyes"), reactions.count("+1")) == (2, 6)


def test_a_death_before_the_eyes_is_made_good(errand: Errand) -> None:
    """The Task is there; whoever reads the Delivery again only shows that it was seen."""
    errand.github.fail("POST", "reactions", status=502)
    row = errand.say("@agent look")
    assert (row.state, row.verdict) == (DeliveryState.RECEIVED, Verdict.TASK)

    errand.db.write(deliveries.take_again, row.id)
    errand.intake().read(row.id)
    shown = errand.row(row.id)
    assert (shown.state, shown.verdict, len(errand.all_tasks())) == (DeliveryState.DONE, Verdict.TASK, 1)
    assert errand.reply(shown).reaction_id is not None


def test_eyes_do_not_come_after_the_answer(errand: Errand) -> None:
    """GitHub was away for so long that the Reply is finished."""
    errand.github.fail("POST", "reactions", status=502)
    row = errand.say("@agent look")
    finished = update(replies_table).values(state=KeptState.FINISHED)
    errand.db.write(lambda c: c.execute(finished))

    errand.db.write(deliveries.take_again, row.id)
    errand.intake().read(row.id)
    assert errand.row(row.id).state is DeliveryState.DONE
    assert len(errand.github.asked("POST", "reactions")) == 1


def test_what_would_be_done_can_be_asked(errand: Errand) -> None:
    """The dry run: the same verdict, and nothing is written."""
    body = payloads.encode(payloads.comment("@agent look"))
    delivery = read_delivery(
        delivery_id="x", event="issue_comment", content_type="application/json", body=body
    )
    assert errand.intake().would(delivery).verdict is Verdict.TASK
    errand.hello.roles["mona"] = "read"
    told = errand.intake().would(delivery)

    assert (told.verdict, told.code) == (Verdict.REFUSED, "permission")
    assert isinstance(told, Decision)
    assert errand.all_tasks() == []


def test_without_access_it_says_what_is_missing(errand: Errand) -> None:
    """And waits for it."""
    row = errand.say("@agent look", github_app_id=None)

    assert (row.state, row.verdict) == (DeliveryState.RECEIVED, None)
    assert "GITHUB_APP_ID" in row.reason


def test_every_example_of_githubs_gets_a_verdict(errand: Errand) -> None:
    """Whatever they are about: nobody of them may ask here, and none makes the reader fail."""
    intake = errand.intake(github_assignment=True, github_failed_checks=True)
    verdicts = set()
    for number, (event, payload) in enumerate(payloads.examples()):
        body = payloads.encode(payload)
        delivery = read_delivery(
            delivery_id=f"e-{number}", event=event, content_type="application/json", body=body
        )
        row = recorded(delivery, content_type="application/json")
        errand.db.write(deliveries.record, row, body)
        intake.read(row.id)
        ended = errand.row(row.id)
        assert ended.state is DeliveryState.DONE, ended
        verdicts.add(ended.verdict)

    assert verdicts <= {Verdict.IGNORED, Verdict.REFUSED}
    assert errand.all_tasks() == []
