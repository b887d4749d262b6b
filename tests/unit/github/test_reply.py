"""One comment from the eyes to the answer, which does nothing but be read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import AnyHttpUrl

from app.domain.event import Record
from app.github.cleaning import in_code
from app.github.defusing import defused
from app.github.length import LONGEST, closed, cut, units
from app.github.marker import marked, marker
from app.github.mention import find_mention
from app.github.plan import Step, StepState, plan_of
from app.github.reply import Changes, Reply, ReplyState, render
from app.security.redact import Redactor

SECRET = "a-secret-of-this-place"
REDACTOR = Redactor([SECRET])
LINK = AnyHttpUrl("https://errand.example/tasks/t-1")
_READER = MarkdownIt("commonmark").enable("table")


def _reply(state: ReplyState = ReplyState.ANSWERED, **fields: object) -> Reply:
    return Reply.model_validate({"id": "t-1", "state": state, "agent": "brain", "link": LINK, **fields})


def _render(reply: Reply) -> str:
    return render(reply, word="@agent", redactor=REDACTOR)


def _texts(markdown: str) -> str:
    """Return what is text on the page, and raw HTML, and no code."""
    tokens = [child for token in _READER.parse(markdown) for child in (token, *(token.children or ()))]
    return "\n".join(one.content for one in tokens if one.type in {"text", "html_inline", "html_block"})


def _html(markdown: str) -> list[str]:
    tokens = [child for token in _READER.parse(markdown) for child in (token, *(token.children or ()))]
    return [one.content for one in tokens if one.type in {"html_inline", "html_block"}]


def _images(markdown: str) -> int:
    return sum(child.type == "image" for token in _READER.parse(markdown) for child in token.children or ())


def test_each_state_says_what_there_is_to_say() -> None:
    """Queued: what comes first. Running: the plan. Failed: what to do. Always: where to look."""
    plan = (
        Step(text="Read *it*", state=StepState.COMPLETED),
        Step(text="Mend it", state=StepState.IN_PROGRESS),
        Step(text="Test it"),
    )

    queued = _render(_reply(ReplyState.QUEUED, ahead=2))
    running = _render(_reply(ReplyState.RUNNING, plan=plan, elapsed_s=95))
    failed = _render(_reply(ReplyState.FAILED, problem="The key is not valid. Set a new one.", elapsed_s=4))
    stopped = _render(_reply(ReplyState.CANCELLED))

    assert "2 tasks come first in this thread." in queued
    assert "- [x] Read \\*it\\*\n- [ ] **Mend it**\n- [ ] Test it" in running
    assert "1 min so far" in running
    assert "The key is not valid. Set a new one." in failed
    assert "**Stopped.**" in stopped
    assert all("one word `stop`" in text for text in (queued, running))
    assert all("one word `retry`" in text for text in (failed, stopped))
    assert all(str(LINK) in text for text in (queued, running, failed, stopped))


def test_gh_01_an_answer_is_the_answer() -> None:
    """GH-01: the agent's words, what was pushed where, a link, and the mark that finds it again."""
    changes = Changes(branch="agent/issue-1-login-ab12", commits=2, pull_request=4, is_new=True)
    text = _render(_reply(answer="It was the *cookie*.", changes=changes, cost="$0.12", elapsed_s=61))

    assert text.startswith(f"{marker('t-1')}\nPushed 2 commits to `agent/issue-1-login-ab12`; opened #4.\n")
    assert "\n\nIt was the *cookie*.\n\n" in text
    assert text.endswith(f"<sub>`brain` · 1 min · $0.12 · [details]({LINK})</sub>")
    assert marked(text) == "t-1"


@pytest.mark.parametrize("reply_id", ["", "a b", "-->", "x" * 65])
def test_a_mark_is_of_an_id(reply_id: str) -> None:
    """What would not be found again, or would end the comment that it stands in, is no mark."""
    with pytest.raises(ValueError, match="not the id of a Reply"):
        marker(reply_id)


def test_what_is_queued_says_what_it_waits_for() -> None:
    """And what was pushed without a pull request says where."""
    waiting = _render(_reply(ReplyState.QUEUED, waits_for="The usage limit ends at 12:00."))
    alone = _render(_reply(answer="x", changes=Changes(branch="agent/x", commits=1)))
    added = _render(_reply(answer="x", changes=Changes(branch="topic", commits=3, pull_request=4)))

    assert "**Queued** for `brain`. The usage limit ends at 12:00." in waiting
    assert "Pushed 1 commit to `agent/x`." in alone
    assert "Pushed 3 commits to `topic`; they are in #4." in added


def test_no_words_and_no_change_are_said_too() -> None:
    """Silence after success is the first complaint about bots: there is always a sentence."""
    assert "without a word, and nothing was changed" in _render(_reply())
    assert "without a word" in _render(_reply(link=None))


def test_what_needs_a_look_is_said() -> None:
    """An answer that is not all there says so."""
    assert "**Please look:** Two tools were denied." in _render(_reply(attention="Two tools were denied."))


def test_the_same_reply_is_the_same_text() -> None:
    """So that a comment that would not change is not edited."""
    assert _render(_reply(answer="x", elapsed_s=61)) == _render(_reply(answer="x", elapsed_s=65))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("thanks @mona!", "thanks @&#8203;mona!"),
        ("@org/team and _@under_ and **@star**", "@&#8203;org/team and _@&#8203;under_ and **@&#8203;star**"),
        ("> @quoted\n\n# @head", "> @&#8203;quoted\n\n# @&#8203;head"),
        ("[@name](http://x.org/)", "[@&#8203;name](http://x.org/)"),
        ("a/@b and é@user", "a/@&#8203;b and é@&#8203;user"),
        ("https://medium.com/@user/post", "https://medium.com/@user/post"),
        ("see\nhttps://medium.com/@user/post", "see\nhttps://medium.com/@user/post"),
        ("https://@user foo://@user", "https://@&#8203;user foo://@&#8203;user"),
        ("mona@example.org", "mona@example.org"),
        ("`@code` and\n```\n@property\n```", "`@code` and\n```\n@property\n```"),
        ("`a\nb` @user `c`", "`a\nb` @&#8203;user `c`"),
        ("- `a\n- @user` b", "- `a\n- @&#8203;user` b"),
        ("@agent go, `@agent go`, @agentx", "agent go, `agent go`, @&#8203;agentx"),
        ("fixes #1, Closes: o/r#2", "fixes&#8203; #1, Closes&#8203;: o/r#2"),
        ("resolved https://github.com/o/r/issues/3", "resolved&#8203; https://github.com/o/r/issues/3"),
        ("`fixes #1` prefixes #1 fixes it", "`fixes #1` prefixes #1 fixes it"),
        ("a <!-- hidden --> b", "a  b"),
        ("a <!-- open", "a &lt;!-- open"),
        ("`<!-- shown -->`", "`<!-- shown -->`"),
        ("`<!-- errand:x -->`", "`<!--  errand:x -->`"),
        ("<img src=http://evil>", "&lt;img src=http://evil>"),
        ("<details>\n\nx", "&lt;details>\n\nx"),
        ("<https://x.org/>", "<https://x.org/>"),
        ("Vec<T> and 1 < 2", "Vec&lt;T> and 1 < 2"),
        ("![a](http://evil/x.png) ![b][c]", "[a](http://evil/x.png) [b][c]"),
        ("`![a](x.png)`", "`![a](x.png)`"),
        ("\u202egnp\u2066", "gnp"),
    ],
)
def test_gh_04_an_answer_does_nothing(text: str, safe: str) -> None:
    """GH-04: it calls nobody, closes nothing, loads nothing and hides nothing; code stays as it is."""
    assert defused(text, word="@agent") == safe


_MARKS = (
    "@mona,@agent,`,```,\n,\n\n,> ,- ,    , ,a,<!--,-->,<img src=x>,!,[,](http://x/@mona),],fixes, #1,<b>"
)
_MORE = "https://x.org/,\\,**,~~~,&,<br>,<pre>,|"
_PIECES = st.sampled_from([*_MARKS.split(","), *_MORE.split(",")])


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_gh_04_however_it_is_nested(text: str) -> None:
    """GH-04: read as GitHub reads it, nothing is left in any text that could do something."""
    found = defused(text, word="@agent")
    texts = re.sub(r"https?://[\w.-]+/\S*", "(link)", _texts(found))

    assert not re.search(r"(?<![A-Za-z0-9])@[A-Za-z0-9]", texts)
    assert not re.search(r"\bfixes\s+#1", texts)
    assert _images(found) == 0
    assert not _html(found)
    assert find_mention(found, word="@agent") is None


@given(st.lists(_PIECES, max_size=30).map("".join), st.sampled_from(ReplyState))
def test_what_is_said_around_the_answer_does_nothing(text: str, state: ReplyState) -> None:
    """Why nothing was pushed names files as the agent did; why it waits is a provider's sentence."""
    found = _render(_reply(state, attention=text, waits_for=text))
    frame = found.removeprefix(marker("t-1"))
    texts = re.sub(r"https?://[\w.-]+/\S*", "(link)", _texts(frame))

    assert not re.search(r"(?<![A-Za-z0-9])@[A-Za-z0-9]", texts)
    assert not re.search(r"\bfixes\s+#1", texts)
    assert _images(found) == 0
    assert set(_html(frame)) == {"<sub>", "</sub>"}
    assert find_mention(found, word="@agent") is None
    assert found.count("<!-- errand:") == 1


def test_a_file_that_is_named_to_call_somebody_calls_nobody() -> None:
    """Nor does it load a picture, tell a secret, or go on for ever; what follows is still the small print."""
    name = f'x` @octo/security ![](https://evil/p.png) {SECRET} <img src="//evil"> \n\n# @all `'
    found = _render(_reply(answer="x", attention=f"They change `{name}` {'and more ' * 20_000}"))

    assert SECRET not in found
    assert _images(found) == 0
    assert not re.search(r"@[A-Za-z0-9]", _texts(found.partition("\n")[2]))
    assert units(found) < 5000
    assert found.endswith(f"[details]({LINK})</sub>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a/b.py", "`a/b.py`"),
        ("a` @b", "``a` @b``"),
        ("`a`", "`` `a` ``"),
        ("a\n\n# b\u202e\tc", "`a # b c`"),
        ("x" * 200, f"`{'x' * 120}…`"),
    ],
)
def test_a_name_stays_in_its_quotes(text: str, shown: str) -> None:
    """On one line, whatever it is made of."""
    assert in_code(text) == shown


@given(st.lists(_PIECES, max_size=30).map("".join), st.sampled_from(ReplyState))
def test_wh_11_no_reply_asks(text: str, state: ReplyState) -> None:
    """WH-11: whatever the agent, its plan or its words say, the comment is ours, and asks for nothing."""
    body = _render(_reply(state, answer=text, plan=(Step(text=text or "x"),), problem=text))

    assert find_mention(body, word="@agent") is None
    assert marked(body) == "t-1"
    assert body.count("<!-- errand:") == 1


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_the_small_print_is_never_code(text: str) -> None:
    """An open fence is closed before what we have to say."""
    body = _render(_reply(answer=text))

    assert "<sub>" in _texts(body)


def test_secrets_are_not_answered() -> None:
    """Neither in the answer, a plan or the lines around it, nor a token that Errand does not know."""
    token = "ghp_" + "a1B2" * 9
    for state in (ReplyState.ANSWERED, ReplyState.FAILED, ReplyState.RUNNING):
        # As the page shows it: what is escaped is a secret all the same.
        said = {"attention": f"{SECRET} {token}", "waits_for": SECRET, "problem": SECRET}
        plan = (Step(text=SECRET), Step(text=f"{'x ' * 145}{SECRET}"))
        body = _render(_reply(state, answer=f"{SECRET} {token}", plan=plan, **said)).replace("\\", "")
        assert SECRET not in body
        assert SECRET[:8] not in body
        assert token not in body


@pytest.mark.parametrize("nothing", ["\u200b", "\x00", "\x1b[0m"])
def test_a_secret_in_pieces_is_a_secret(nothing: str) -> None:
    """What nobody sees is left out of a comment, and what was around it must not be a secret then."""
    said = nothing.join(SECRET)
    for state in ReplyState:
        found = _render(_reply(state, answer=said, attention=said, waits_for=said, problem=said))
        assert SECRET not in found


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece",
    ["word ", "x", "日本語", "🙂", "👨‍👩‍👧", "e\u0301", "a\n", "```\ncode\n", "- [a](b) @c\n", "&amp;"],
)
def test_gh_05_a_long_answer_is_cut(piece: str) -> None:
    """GH-05: 300 KB come out below the limit by every way of counting, with a link to the rest."""
    body = _render(_reply(answer=piece * (300_000 // len(piece))))

    assert units(body) <= LONGEST
    assert units(body) > LONGEST // 2
    assert len(body.encode()) <= 262_144
    assert f"[Read the rest]({LINK})" in body
    assert "<sub>" in _texts(body)


def test_a_text_of_exactly_the_limit_is_whole() -> None:
    """Nothing is cut that fits."""
    assert cut("x" * 100, 100) == "x" * 100
    assert cut("🙂" * 50, 100) == "🙂" * 50
    assert units(cut("🙂" * 51, 100)) <= 100


@given(st.lists(_PIECES, max_size=40).map("".join), st.integers(20, 80))
def test_cutting_leaves_markdown(text: str, most: int) -> None:
    """What is left fits, is a beginning of the text, and has no fence open."""
    found = cut(text, most)

    assert units(found) <= max(most, 0)
    assert text.startswith((found, found.rpartition("\n")[0]))
    assert "after it" in _texts(closed(found) + "\n\nafter it")


def test_the_plan_is_the_newest_one() -> None:
    """Whatever tool the agent's CLI keeps it with; what is no plan is passed over."""
    old = {"todos": [{"content": "old", "status": "pending"}]}
    new = {"todos": [{"content": "a", "status": "completed"}, {"content": "b", "status": "odd"}, 3]}
    events: list[Record] = [
        {"kind": "text", "text": "hello"},
        {"kind": "tool_call", "name": "TodoWrite", "input": old},
        {"kind": "tool_call", "name": "TodoWrite", "input": new},
        {"kind": "tool_call", "name": "TodoWrite", "input": None},
        {"kind": "tool_call", "name": "Bash", "input": {"todos": [{"content": "no"}]}},
    ]

    assert plan_of(events) == (Step(text="a", state=StepState.COMPLETED), Step(text="b"))
    codex = [
        {"kind": "tool_call", "name": "todo_list", "input": {"items": [{"text": "c", "completed": True}]}}
    ]
    assert plan_of(codex) == (Step(text="c", state=StepState.COMPLETED),)
    assert plan_of([]) == ()


@pytest.mark.no_cover
@pytest.mark.parametrize("piece", ["[", "![", "`", "@a ", "<a ", "fixes #1 ", "> ", "<!--", "```\n"])
@pytest.mark.timeout(60)
def test_a_hostile_answer_is_rendered_in_seconds(piece: str) -> None:
    """The control process has other things to do."""
    _render(_reply(answer=piece * (65_536 // len(piece))))
