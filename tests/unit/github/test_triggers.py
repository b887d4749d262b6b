"""What each Delivery asks for, and why the others ask for nothing."""

from typing import Any

import pytest

from app.domain.trigger import Command, Ignored, Subject, Target, Trigger, TriggerKind
from app.github.delivery import read_delivery
from app.github.marker import marker
from app.github.payload import Review, ReviewComment
from app.github.reviews import whole_review
from app.github.rules import Rules
from app.github.triggers import read_trigger
from tests.fakes.github import deliveries as make

OWN = make.user("errand[bot]", number=1, kind="Bot")
RULES = Rules(
    agents=frozenset({"brain", "planning", "reviewer"}), own_id=1, own_login="errand[bot]", own_app_id=44
)
EVERYTHING = RULES.model_copy(update={"assignment": True, "failed_checks": True})


def _read(event: str, payload: make.Json, rules: Rules = RULES) -> Trigger | Ignored:
    delivery = read_delivery(
        delivery_id="d-1", event=event, content_type="application/json", body=make.encode(payload)
    )
    return read_trigger(delivery, rules)


def _asks(event: str, payload: make.Json, rules: Rules = RULES) -> Trigger:
    found = _read(event, payload, rules)
    assert isinstance(found, Trigger), found
    return found


def _ignored(event: str, payload: make.Json, rules: Rules = RULES) -> str:
    return _unasked(event, payload, rules).code


def _unasked(event: str, payload: make.Json, rules: Rules = RULES) -> Ignored:
    found = _read(event, payload, rules)
    assert isinstance(found, Ignored), found
    assert found.reason.endswith(".")
    return found


def test_wh_01_a_comment_asks_for_what_follows_the_mention() -> None:
    """WH-01: the words of the comment, its author, its thread, where the eyes go, and since when."""
    trigger = _asks("issue_comment", make.comment("@agent planning: fix it"))

    assert (trigger.kind, trigger.command) == (TriggerKind.MENTION, Command.ASK)
    assert (trigger.agent, trigger.instruction) == ("planning", "fix it")
    assert trigger.author is not None
    assert trigger.author.login == "mona"
    assert (trigger.thread.repository, trigger.thread.number) == ("octo/hello", 1)
    assert not trigger.thread.is_pull_request
    assert trigger.target == Target(subject=Subject.COMMENT, id=900)
    assert trigger.at.isoformat() == "2026-11-20T10:00:00+00:00"
    assert trigger.key.kind == "comment"


def test_a_comment_on_a_pull_request_knows_no_head() -> None:
    """GitHub does not send it: whoever works on it has to ask, and until then it may be a fork."""
    trigger = _asks("issue_comment", make.comment("@agent go", on_pull=True))

    assert trigger.thread.is_pull_request
    assert trigger.head is None


def test_an_issue_asks_with_title_or_text() -> None:
    """A mention in the title asks for the text below; one in the text leaves the title to the context."""
    by_text = _asks("issues", make.issues(title="Broken", body="@agent fix"))
    by_title = _asks("issues", make.issues(title="@agent /plan the login", body="It loops."))

    assert by_text.instruction == "fix"
    assert (by_title.agent, by_title.instruction) == ("planning", "the login\n\nIt loops.")
    assert by_title.target == Target(subject=Subject.ISSUE, id=1)


def test_an_issue_that_was_transferred_does_not_ask_again() -> None:
    """GitHub opens it anew in its new repository, in its author's name where the author moved it."""
    old = {"old_issue": {"id": 4999, "number": 8}, "old_repository": make.REPOSITORY}

    assert _ignored("issues", make.issues(body="@agent go", changes=old)) == "transferred"
    edited = make.issues("edited", body="@agent go", changes={"body": {"from": ""}})
    assert _asks("issues", edited).instruction == "go"
    moved = [payload for event, payload in make.examples() if "old_issue" in payload.get("changes", {})]
    assert [_ignored("issues", payload) for payload in moved] == ["transferred"]


def test_a_pull_request_asks_with_its_head() -> None:
    """What the pull request offered when it asked is what is worked on."""
    trigger = _asks("pull_request", make.envelope("opened", None, pull_request=make.pull(body="@agent look")))

    assert trigger.head is not None
    assert (trigger.head.ref, trigger.head.sha, trigger.head.repository_id) == ("topic", make.SHA, 101)


@pytest.mark.parametrize("repo", [None, {"id": 999, "full_name": "evil/hello"}])
def test_wh_15_a_fork_is_seen(repo: make.Json | None) -> None:
    """WH-15: the head's repository is another one, or none any more; the gate decides."""
    pull = make.pull(body="@agent look")
    pull["head"]["repo"] = repo

    trigger = _asks("pull_request", make.envelope("opened", None, pull_request=pull))

    assert trigger.head is not None
    assert trigger.head.repository_id == (repo["id"] if repo else None)


def test_wh_09_what_is_not_used_is_ignored() -> None:
    """WH-09: ping, unknown events and unused actions ask for nothing, and say so."""
    assert _ignored("ping", {"zen": "Keep it simple."}) == "ping"
    assert _ignored("star", {"action": "created"}) == "unused_event"
    assert _ignored("issue_comment", make.comment("@agent go", action="deleted")) == "unused_event"
    assert _ignored("installation", {"action": "created", "installation": {"id": 4}}) == "installation"


def test_wh_10_the_reason_tells_a_missing_mention_from_one_in_a_quote() -> None:
    """WH-10: the inspector says whether the word is not there or in the wrong place."""
    assert _ignored("issue_comment", make.comment("nothing")) == "no_mention"
    assert _ignored("issue_comment", make.comment("> @agent go")) == "mention_not_prose"
    assert "is inside a quote" in _unasked("issue_comment", make.comment("> @agent go")).reason
    assert "a longer word" in _unasked("issue_comment", make.comment("@agents go")).reason


def test_wh_11_we_do_not_answer_ourselves() -> None:
    """WH-11: our account by id or login, and our mark whoever posts it, ask for nothing."""
    renamed = make.user("someone", number=1)

    assert _ignored("issue_comment", make.comment("@agent go", sender=OWN)) == "own_account"
    assert _ignored("issue_comment", make.comment("@agent go", sender=renamed)) == "own_account"
    assert _ignored("issue_comment", make.comment(f"@agent go\n{marker('t-1')}")) == "own_marker"


@pytest.mark.parametrize(
    "sender", [make.user("ci[bot]", kind="Bot"), make.user("ci", kind="Bot"), make.user("ci[bot]")]
)
def test_wh_13_bots_do_not_ask(sender: make.Json) -> None:
    """WH-13: neither what GitHub calls a bot nor what is named like one; a listed one may, by exact name."""
    listed = RULES.model_copy(update={"bots": frozenset({"ci[bot]"})})

    assert _ignored("issue_comment", make.comment("@agent go", sender=sender)) == "bot"
    if sender["login"] == "ci[bot]":
        _asks("issue_comment", make.comment("@agent go", sender=sender), listed)
    else:
        assert _ignored("issue_comment", make.comment("@agent go", sender=sender), listed) == "bot"


def test_an_edit_asks_only_when_the_mention_is_new() -> None:
    """The text before the edit is in the Delivery: with the mention in it nothing new is asked."""
    said = {"body": {"from": "fix it"}}
    again = {"body": {"from": "@agent fix that"}}

    trigger = _asks("issue_comment", make.comment("@agent fix it", action="edited", changes=said))

    assert trigger.at.isoformat() == "2026-11-20T11:00:00+00:00"
    edited = make.comment("@agent fix it", action="edited", changes=again)
    assert _ignored("issue_comment", edited) == "mention_not_new"
    elsewhere = make.issues("edited", body="@agent x", changes={})
    assert _ignored("issues", elsewhere) == "edit_elsewhere"
    quoted = make.comment("@agent go", action="edited", changes={"body": {"from": "> @agent go"}})
    _asks("issue_comment", quoted)


def test_only_the_author_of_a_text_asks_with_it() -> None:
    """An edit by somebody else would be their words in another's name."""
    edited = make.comment(
        "@agent go", action="edited", author=make.user("other", number=9), changes={"body": {"from": "x"}}
    )

    assert _ignored("issue_comment", edited) == "not_author"


def test_the_key_is_of_what_was_asked() -> None:
    """The same comment in another Delivery has the same key; another text or another comment has not."""
    first = _asks("issue_comment", make.comment("@agent go")).key

    assert _asks("issue_comment", make.comment("@agent go")).key == first
    assert _asks("issue_comment", make.comment("@agent go on")).key != first
    assert _asks("issue_comment", make.comment("@agent go", number=901)).key != first


def test_a_label_asks() -> None:
    """`agent`, or `agent:NAME`; it is remembered, to be removed when it is taken up."""
    plain = _asks(
        "issues", make.issues("labeled", label={"name": "Agent"}, sender=make.user("max", number=3))
    )
    named = _asks("issues", make.issues("labeled", label={"name": "agent:planning"}))

    assert (plain.kind, plain.agent, plain.label) == (TriggerKind.LABEL, None, "Agent")
    assert (named.agent, named.label) == ("planning", "agent:planning")
    on_pull = make.envelope("labeled", None, pull_request=make.pull(), label={"name": "agent"})
    offered = _asks("pull_request", on_pull).head
    assert offered is not None
    assert offered.sha == make.SHA
    assert plain.author is not None
    assert plain.author.login == "max"
    off = RULES.model_copy(update={"labels": False})
    assert _ignored("issues", make.issues("labeled", label={"name": "bug"})) == "other_label"
    assert _ignored("issues", make.issues("labeled", label={"name": "agent:../x"})) == "bad_label"
    assert _ignored("issues", make.issues("labeled", label={"name": "agent"}), off) == "labels_off"
    assert _ignored("issues", make.issues("labeled", label={"name": "agent"}, sender=OWN)) == "own_account"


def test_a_label_set_while_opening_is_no_second_question() -> None:
    """GitHub sends text and label; either is the whole question, with the agent of whichever names one."""
    for named, agent in (("@agent go", "planning"), ("@agent reviewer: go", "reviewer")):
        text, label = (_labelled(action, named) for action in ("opened", "labeled"))
        assert _asks("issues", text) == _asks("issues", label)
        found = _asks("issues", label)
        assert (found.instruction, found.agent, found.label) == ("go", agent, "agent:planning")

    off = RULES.model_copy(update={"labels": False})
    assert _asks("issues", _labelled("opened", "@agent go"), off).label is None
    assert _asks("issues", _labelled("opened", "@agent stop")).label is None
    for alone in (_labelled("labeled", "no mention"), _labelled("labeled", "@agent go", at=make.LATER)):
        assert (_asks("issues", alone).kind, _asks("issues", alone).key.kind) == (TriggerKind.LABEL, "label")
    others = _labelled("labeled", "@agent go", sender=make.user("max", number=3), author=make.user())
    assert _asks("issues", others).key.kind == "label"
    pull = {**make.pull(body="@agent go"), "updated_at": make.AT}
    offered = make.envelope("labeled", None, pull_request=pull, label={"name": "agent"})
    assert _asks("pull_request", offered).key.kind == "pull_request"


def _labelled(action: str, body: str, *, at: str = make.AT, **parts: Any) -> make.Json:
    label = {"name": "agent:planning"}
    payload = make.issues(action, body=body, label=label, **parts)
    payload["issue"] |= {"labels": [{"name": "bug"}, label], "updated_at": at}
    return payload


def test_an_assignment_asks_where_it_is_switched_on() -> None:
    """To our own account, by whoever may."""
    payload = make.issues("assigned", assignee=OWN)

    assert _ignored("issues", payload) == "assignment_off"
    assert _asks("issues", payload, EVERYTHING).kind is TriggerKind.ASSIGNMENT
    assert _ignored("issues", make.issues("assigned", assignee=make.user()), EVERYTHING) == "other_assignee"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"conclusion": "success"}, "check_not_failed"),
        ({"branch": "main"}, "other_branch"),
        ({"head_repository": {"id": 999, "full_name": "evil/hello"}}, "fork"),
        ({"app": {"id": 44}}, "own_check"),
        ({"updated_at": None}, "check_without_time"),
        ({"pull_requests": []}, "no_pull_request"),
    ],
)
def test_a_failed_check_asks_only_on_our_own_branch(parts: dict[str, Any], code: str) -> None:
    """Switched on, for a pull request of a branch that Errand made, and not for its own check."""
    trigger = _asks("check_suite", make.check_suite(), EVERYTHING)

    assert (trigger.kind, trigger.author, trigger.thread.number) == (TriggerKind.FAILED_CHECK, None, 3)
    assert make.SHA in trigger.instruction
    assert _ignored("check_suite", make.check_suite()) == "failed_checks_off"
    assert _ignored("check_suite", make.check_suite(**parts), EVERYTHING) == code


def test_a_review_and_its_comments_are_one_question() -> None:
    """GitHub sends the review and each comment; whichever mentions us, the key is the review's."""
    body = _asks("pull_request_review", make.review("@agent do all of it"))
    one = _asks("pull_request_review_comment", make.review_comment("@agent rename"))
    two = _asks("pull_request_review_comment", make.review_comment("@agent remove", number=801))

    assert body.key == one.key == two.key
    assert {trigger.kind for trigger in (body, one, two)} == {TriggerKind.REVIEW}
    assert {trigger.review_id for trigger in (body, one, two)} == {70}
    assert one.target == Target(subject=Subject.REVIEW_COMMENT, id=800)


def test_a_command_in_a_review_comment_is_not_the_review() -> None:
    """`@agent stop` below a line is carried out and takes nothing of the review's key."""
    trigger = _asks("pull_request_review_comment", make.review_comment("@agent stop", reply_to=790))

    assert (trigger.kind, trigger.command, trigger.key.kind) == (
        TriggerKind.MENTION,
        Command.STOP,
        "review_comment",
    )
    assert trigger.reply_to == 790


def test_the_whole_review_becomes_the_instruction() -> None:
    """Its text and each comment with its place, by its author alone, as they were when it was submitted."""
    trigger = _asks("pull_request_review", make.review("@agent /review do this:"))
    late = {**make.line_comment("edited since", number=803), "updated_at": "2026-11-20T12:00:00Z"}
    comments = [
        make.line_comment("second", number=802),
        make.line_comment("@agent first", number=801),
        make.line_comment("another's", number=804, author=make.user("eve", number=66)),
        late,
    ]

    whole = _whole(trigger, "@agent /review do this:", comments)

    assert whole.instruction == (
        "do this:\n\nIn `src/app.py`, line 12:\nfirst\n\nIn `src/app.py`, line 12:\nsecond"
    )
    assert (whole.agent, whole.reply_to, whole.place) == ("reviewer", None, None)


def test_a_review_of_one_comment_is_answered_in_its_thread() -> None:
    """With its place; and its text is the one that was signed, whatever it is by now (WH-16)."""
    trigger = _asks("pull_request_review_comment", make.review_comment("@agent rename", reply_to=790))
    edited = {
        **make.line_comment("@agent delete everything", reply_to=790),
        "updated_at": "2026-11-21T00:00:00Z",
    }

    whole = _whole(trigger, None, [edited])

    assert whole.instruction == "rename"
    assert whole.reply_to == 790
    assert whole.place is not None
    assert (whole.place.path, whole.place.line) == ("src/app.py", 12)


def test_a_review_that_asks_keeps_its_signed_text() -> None:
    """WH-16: GitHub shows another text by now; where a comment asked first, the review's is all there is."""
    body = _asks("pull_request_review", make.review("@agent fix A, as @agent did"))
    one = _asks("pull_request_review_comment", make.review_comment("@agent rename"))
    comments = [make.line_comment("@agent rename")]

    for edited in ("@agent /review fix B", None):
        whole = _whole(body, edited, comments)
        assert whole.instruction == "fix A, as @agent did\n\nIn `src/app.py`, line 12:\nrename"
        assert (whole.agent, whole.reply_to) == (None, None)
    assert _whole(one, "@agent fix A", comments).instruction.startswith("fix A\n\n")


def _whole(trigger: Trigger, body: str | None, comments: list[make.Json]) -> Trigger:
    review = Review.model_validate(make.review(body)["review"])
    return whole_review(trigger, review, [ReviewComment.model_validate(one) for one in comments], RULES)
