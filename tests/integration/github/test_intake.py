"""From a Delivery to rows, with the stand-in for GitHub: taken up once, or refused with words."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import update

from app.db import deliveries, replies, tasks
from app.db.github_rows import replies as replies_table
from app.domain.delivery import Decision, DeliveryState, Verdict
from app.domain.reply import KeptState, ReplyKind
from app.domain.task import TaskState
from app.github.delivery import read_delivery
from tests.fakes.github import deliveries as payloads
from tests.fakes.github.state import account
from tests.integration.github.house import Errand


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


def test_a_review_that_github_does_not_know_asks_with_what_was_signed(errand: Errand) -> None:
    """Its comments are asked for in two places; where there are none, its own words are the question."""
    review = errand.hello.add_review(2, "@agent mend these", account("mona", 7))
    line = errand.hello.add_line_comment(2, "rename this", account("mona", 7), review=review["id"])
    messages: list[str] = []
    for words in ("mend these", "mend them"):
        whole = payloads.review(f"@agent {words}")
        whole["pull_request"]["number"], whole["review"]["id"] = 2, review["id"]
        whole["review"]["submitted_at"] = line["updated_at"]
        whole["action"] = "submitted" if not messages else "edited"
        whole["changes"] = {"body": {"from": "Nothing."}}
        errand.github.fail("GET", r"/pulls/2/reviews/\d+$", status=404)
        errand.github.fail("GET", "/pulls/2/comments$", status=404)
        if messages:
            errand.github.fail("GET", r"/pulls/2/reviews/\d+/comments$", status=404)
        messages.append(errand.task(errand.deliver("pull_request_review", whole)).message)

    assert messages == ["mend these\n\nIn `README.md`, line 1:\nrename this", "mend them"]


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


def test_the_signed_words_of_a_review_are_what_is_asked(errand: Errand) -> None:
    """WH-16: GitHub has another text for the review by now."""
    review = errand.hello.add_review(2, "@agent delete everything", account("mona", 7))
    signed = payloads.review("@agent look")
    signed["pull_request"]["number"], signed["review"]["id"] = 2, review["id"]

    assert errand.task(errand.deliver("pull_request_review", signed)).message == "look"


def test_a_label_asks_and_is_taken_off(errand: Errand) -> None:
    """It names an agent; the issue's own text is what there is to work on."""
    payload = payloads.issues("labeled", label={"name": "agent:planning"})
    row = errand.deliver("issues", payload)
    task = errand.task(row)

    assert (task.agent, task.message) == ("planning", "Work on what this issue asks for.")
    assert [call.status for call in errand.github.asked("DELETE", "/issues/1/labels/")] != []


def test_an_issue_opened_with_words_and_a_label_is_one_task(errand: Errand) -> None:
    """GitHub sends two; whichever comes first asks for both, and the label goes."""
    found = {}
    for first, second in (("opened", "labeled"), ("labeled", "opened")):
        for action in (first, second):
            payload = payloads.issues(action, body=f"@agent {first} first", label={"name": "agent"})
            payload["issue"] |= {"labels": [{"name": "agent"}], "updated_at": payloads.AT}
            found[action] = errand.deliver("issues", payload)
        assert (found[first].verdict, found[second].verdict) == (Verdict.TASK, Verdict.KNOWN)
        assert errand.task(found[first]).message == f"{first} first"

    assert len(errand.all_tasks()) == 2
    assert len(errand.github.asked("DELETE", "/issues/1/labels/")) == 2


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


def test_stop_ends_what_is_not_decided_yet(errand: Errand) -> None:
    """GitHub was away when it was asked: it does not begin hours later. Only here, only what was before."""
    errand.github.fail("GET", "permission", times=5, status=502)
    asked, again, guide = (errand.say(f"@agent {word}") for word in ("look", "retry", "help"))
    said = errand.hello.add_comment(2, "@agent look", payloads.user())
    elsewhere = payloads.comment("@agent look", on_pull=True, number=said["id"])
    elsewhere["issue"]["number"] = 2
    other = errand.deliver("issue_comment", elsewhere)
    stop_id = errand.receive("issue_comment", payloads.comment("@agent stop", number=_comment(errand)))
    later = errand.say("@agent but do this")
    errand.intake().read(stop_id)

    stop = errand.row(stop_id)
    assert (stop.verdict, stop.reason) == (Verdict.COMMAND, "Stopped: 2 undecided questions.")
    assert errand.db.read(replies.of_delivery, stop_id) is None
    for row in map(errand.row, (asked.id, again.id)):
        assert (row.state, row.verdict, row.code) == (DeliveryState.DONE, Verdict.REFUSED, "stopped")
    assert [errand.row(row.id).verdict for row in (guide, other, later)] == [None] * 3
    errand.db.write(deliveries.take_again, asked.id)
    errand.intake().read(asked.id)
    assert errand.row(asked.id).verdict is Verdict.TASK


def test_who_may_not_stop_stops_nothing_undecided(errand: Errand) -> None:
    """It is still to be decided on, and then begins."""
    errand.github.fail("GET", "permission", status=502)
    asked = errand.say("@agent look")
    refused = errand.say("@agent stop", sender=payloads.user("eve", number=66))

    assert (refused.verdict, errand.row(asked.id).verdict) == (Verdict.REFUSED, None)


def test_a_stop_and_what_it_is_for_may_meet(errand: Errand) -> None:
    """Decided on at once in any order, none waits for the other for ever, and nothing goes on afterwards."""
    ids = []
    for number in range(4):
        said = errand.hello.add_comment(1, "@agent", payloads.user())["id"]
        text = "@agent stop" if number % 2 else f"@agent {number}"
        ids.append(errand.receive("issue_comment", payloads.comment(text, number=said)))
    intake = errand.intake()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(intake.read, ids))

    assert [row.verdict for row in map(errand.row, ids[1::2])] == [Verdict.COMMAND] * 2
    assert all(task.state is TaskState.CANCELLED for task in errand.all_tasks())


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
    assert _foretold(errand, "@agent look").verdict is Verdict.TASK
    errand.hello.roles["mona"] = "read"
    told = _foretold(errand, "@agent look")

    assert (told.verdict, told.code) == (Verdict.REFUSED, "permission")
    assert errand.all_tasks() == []


def test_the_dry_run_knows_commands_and_what_was_asked(errand: Errand) -> None:
    """What would be carried out, and what led to a task already; the task goes on."""
    number = _comment(errand)
    asked = errand.deliver("issue_comment", payloads.comment("@agent look", number=number))
    again, stop = _foretold(errand, "@agent look", number=number), _foretold(errand, "@agent stop")

    assert (again.verdict, again.task_id) == (Verdict.KNOWN, asked.task_id)
    assert (stop.verdict, stop.code) == (Verdict.COMMAND, "stop")
    assert [task.state for task in errand.all_tasks()] == [TaskState.QUEUED]


def test_the_dry_run_refuses_where_the_app_is_not_installed(errand: Errand) -> None:
    """As the delivery itself would be, rather than failing."""
    errand.github.fail("GET", "/installation", times=2, status=404)
    told = _foretold(errand, "@agent look")

    assert (told.verdict, told.code) == (Verdict.REFUSED, "github_not_found")
    assert errand.say("@agent look").code == told.code


def _foretold(errand: Errand, text: str, *, number: int = 900) -> Decision:
    payload = payloads.comment(text, number=number)
    place = {"id": errand.hello.id, "full_name": errand.hello.full_name}
    body = payloads.encode({**payload, "repository": {**payloads.REPOSITORY, **place}})
    kind = "application/json"
    delivery = read_delivery(delivery_id="x", event="issue_comment", content_type=kind, body=body)
    return errand.intake().would(delivery)
