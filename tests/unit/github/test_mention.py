"""Who is addressed, by which words, and what is asked of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trigger import Command, Mention
from app.github.mention import find_mention, mention_place

AGENTS = ("brain", "demo", "executor", "planning", "reviewer")
#: What everything below asks when it asks.
ASKS = [
    ("@agent fix it", "fix it"),
    ("@Agent fix it", "fix it"),
    ("@AGENT: fix it", "fix it"),
    ("@agent, fix it", "fix it"),
    ("@agent. Fix it", "Fix it"),
    ("@agent\nfix it", "fix it"),
    ("@agent\n\n/unknown fix it", "/unknown fix it"),
    ("@agent note: fix it", "note: fix it"),
    ("**@agent** fix it", "fix it"),
    ("_@agent_ fix it", None),
    ("please look, @agent.", "please look,."),
    ("(@agent fix it)", "(fix it)"),
    ('"@agent fix it"', '"fix it"'),
    ("It breaks.\n\n@agent", "It breaks."),
    ("It breaks @agent fix it", "It breaks fix it"),
    ("cc @agent", "cc"),
    ("@agent", ""),
    ("- @agent fix it", "- fix it"),
    ("1. first\n2. @agent second", "1. first\n2. second"),
    ("# @agent fix it", "# fix it"),
    ("| a |\n|---|\n| @agent fix it |", "| a |\n|---|\n| fix it |"),
    ("<details>\n\n@agent fix it\n\n</details>", "<details>\n\nfix it\n\n</details>"),
    ("<div>\n@agent fix it\n</div>", "<div>\nfix it\n</div>"),
    ("<!-- of the template --> @agent fix it", "<!-- of the template --> fix it"),
    ("Vec<T> @agent fix it", "Vec<T> fix it"),
    ("one<br>@agent fix it", "one<br> fix it"),
    ("`@agent` is a word, @agent fix it", "`@agent` is a word, fix it"),
    ("> @agent old\n\n@agent new", "> @agent old\n\nnew"),
    ("<!-- @agent hidden -->\n\nx @agent shown", "<!-- @agent hidden -->\n\nx shown"),
    ("```\n@agent code\n```\n@agent fix it", "```\n@agent code\n```\nfix it"),
    ("@agent stop using tabs", "stop using tabs"),
    ("@agent help me", "help me"),
    ("@agent retry\n\nbut with care", "retry\n\nbut with care"),
    ("mona@agent.com says @agent fix it", "mona@agent.com says fix it"),
    ("@agent-x and @agent fix it", "@agent-x and fix it"),
    ("日本語 @agent 直して", "日本語 直して"),
]
#: What does not address us.
SILENT = [
    "",
    "agent",
    "@ agent",
    "@agentx fix it",
    "@agent-foo fix it",
    "@agent_foo fix it",
    "@agent2 fix it",
    "@agentë fix it",
    "@agent/team fix it",
    "@org/agent fix it",
    "@agent[bot] fix it",
    "@agent's job",
    "@agent\u2019s job",
    "@agent.com fix it",
    "a@agent fix it",
    "mona@agent.com",
    "<mona@agent.com>",
    "mona+@agent fix it",
    "тест@agent fix it",
    "@@agent fix it",
    "\\@agent fix it",
    "&#64;agent fix it",
    "https://github.com/@agent",
    "https://example.org/?who=@agent",
    "https://example.org/a,@agent",
    "www.example.org/(@agent",
    "<https://example.org/@agent>",
    "[@agent](https://example.org)",
    "[text](@agent)",
    '[text](x "@agent fix it")',
    "![@agent](x.png)",
    "[ref]\n\n[ref]: @agent",
    "`@agent fix it`",
    "`` ` @agent ` ``",
    "```\n@agent fix it\n```",
    "~~~\n@agent fix it",
    "    @agent fix it",
    "> @agent fix it",
    ">@agent fix it",
    "> quoted\n@agent goes on in the quote",
    "> - @agent fix it",
    "- > @agent fix it",
    "<!-- @agent fix it -->",
    "<!--\n\n@agent fix it\n\n-->",
    "text <!-- @agent --> text",
    "<code>@agent</code>",
    "<pre>\n@agent\n</pre>",
    "<div>\n> @agent fix it\n</div>",
    "<div>\n`@agent` fix it\n</div>",
    "<div title='x > @agent fix it'>\n</div>",
    "<div><code>\n@agent fix it\n</code></div>",
    "> <div>\n> @agent fix it\n> </div>",
    "<blockquote>\n\n@agent fix it\n\n</blockquote>",
    "<span hidden>@agent fix it</span>",
    '<span style="display:none">@agent fix it</span>',
    "<div hidden>\n\n@agent fix it\n\n</div>",
    "<a href='x'>@agent</a>",
    "<img alt='@agent fix it'>",
    "~~@agent fix it~~",
]


@pytest.mark.parametrize(("text", "instruction"), ASKS)
def test_wh_10_a_word_of_prose_asks(text: str, instruction: str | None) -> None:
    """WH-10: the mention asks wherever its author says it himself; what is left is the instruction."""
    found = find_mention(text, word="@agent", agents=AGENTS)

    expected = None if instruction is None else Mention(command=Command.ASK, instruction=instruction)
    assert found == expected


@pytest.mark.parametrize("text", SILENT)
def test_wh_10_everything_else_is_silent(text: str) -> None:
    """WH-10: code, quotes, links, hidden text, addresses and longer names don't ask."""
    assert find_mention(text, word="@agent", agents=AGENTS) is None
    assert find_mention(f"{text}\n\nmore text\n", word="@agent", agents=AGENTS) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Yes.\n\n> @agent fix it", "a quote"),
        ("> `@agent` in code in a quote", "a quote"),
        ("`@agent fix it`", "code"),
        ("```\n@agent fix it\n```", "code"),
        ("<!-- @agent fix it -->", "HTML"),
        ("<div hidden>\n\n@agent fix it\n\n</div>", "HTML"),
        ("[@agent](https://example.org)", "a link or struck text"),
        ("~~Please, @agent fix it~~", "a link or struck text"),
        ("![@agent](x.png)", "an image"),
        ("https://example.org/a,@agent", "an address"),
        ("@agentx", None),
    ],
)
def test_wh_10_it_is_said_where_a_mention_stands(text: str, place: str | None) -> None:
    """WH-10: whoever looks for why nothing was done reads it."""
    assert mention_place(text, word="@agent") == place


@pytest.mark.parametrize("text", SILENT)
def test_wh_10_a_place_is_looked_for_in_anything(text: str) -> None:
    """WH-10: within whatever else, and never fails."""
    for around in ("{}", "> {}", "[{}](x)", "~~a {} [b~~ c](x)", "<div hidden>{}"):
        mention_place(around.format(text), word="@agent")


@pytest.mark.parametrize(
    ("text", "agent", "instruction"),
    [
        ("@agent planning: make a plan", "planning", "make a plan"),
        ("@agent Planning: make a plan", "planning", "make a plan"),
        ("@agent planning:\nmake a plan", "planning", "make a plan"),
        ("@agent /planning make a plan", "planning", "make a plan"),
        ("@agent /plan make a plan", "planning", "make a plan"),
        ("@agent /plan", "planning", ""),
        ("@agent\u00a0planning:\u00a0make a plan", "planning", "make a plan"),
        ("@agent\u00a0/plan\u00a0make a plan", "planning", "make a plan"),
        ("@agent,\u00a0make a plan", None, "make a plan"),
        ("It breaks.\n@agent /review look", "reviewer", "It breaks.\nlook"),
        ("@agent planning:make", None, "planning:make"),
        ("@agent plan: make", None, "plan: make"),
        ("@agent /pl make", None, "/pl make"),
        ("@agent /plan/x make", None, "/plan/x make"),
        ("@agent /etc/passwd", None, "/etc/passwd"),
    ],
)
def test_an_agent_is_picked_by_name(text: str, agent: str | None, instruction: str) -> None:
    """Only names of agents that are there pick one; every other word is the author's."""
    found = find_mention(text, word="@agent", agents=AGENTS)

    assert found == Mention(command=Command.ASK, agent=agent, instruction=instruction)


@pytest.mark.parametrize("command", [command for command in Command if command is not Command.ASK])
@pytest.mark.parametrize(
    "form", ["@agent {}", "@agent {}!", "@agent: {}.", "Wrong.\n\n@Agent {}\n", "**@agent** {}"]
)
def test_a_command_stands_alone(command: Command, form: str) -> None:
    """A command is the one word behind the mention."""
    for word in (command, command.upper()):
        assert find_mention(form.format(word), word="@agent") == Mention(command=command)


@pytest.mark.parametrize(
    "text", ["**@agent stop**", "@agent **stop**", "@agent `stop`", "@agent /stop", "@agent _stop_."]
)
def test_a_command_is_heard_however_it_is_written(text: str) -> None:
    """As it stands in our own comments, or with the slash that picks an agent; it is never a task."""
    assert find_mention(text, word="@agent") == Mention(command=Command.STOP)


def test_stop_is_heard_on_its_own_line() -> None:
    """Who explains below why it has to stop still wants it to stop."""
    assert find_mention("@agent stop\n\nIt deletes the tests!", word="@agent") == Mention(
        command=Command.STOP
    )


def test_the_word_is_configurable() -> None:
    """Another word, other letters; the characters of an expression are characters."""
    assert find_mention("@errand.io go", word="@errand.io") == Mention(command=Command.ASK, instruction="go")
    assert find_mention("@errandxio go", word="@errand.io") is None
    assert find_mention("/agent go", word="/agent") == Mention(command=Command.ASK, instruction="go")
    assert find_mention("@\u212ait go", word="@kit") is None


_MARKS = (
    "@agent,agent,`,```\n,\n,\n\n,> ,    , ,a,<code>,</code>,<!--,-->,[,](,),~~,**,_,\\,- ,<,>,&#64;,🙂,|"
)
_PIECES = st.sampled_from([*_MARKS.split(","), "\ue000", "0", "\ue001", "\x00"])


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_reading_never_fails_and_takes_nothing_but_the_mention(text: str) -> None:
    """Of any text what is left is its own characters in their order, one mention short."""
    found = find_mention(text, word="@agent")

    if found is not None and found.command is Command.ASK:
        letters = re.sub(r"[\s*_,:;.!]", "", text)
        left = re.sub(r"[\s*_,:;.!]", "", found.instruction)
        assert left in {letters.replace("@agent", "", 1), *_one_short(letters)}


def _one_short(letters: str) -> set[str]:
    spans = [match.span() for match in re.finditer("@agent", letters)]
    return {letters[:start] + letters[end:] for start, end in spans}


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_fenced_and_quoted_texts_never_ask(text: str) -> None:
    """Whatever is put into a fence that it cannot close, or behind quotation marks, is silent."""
    lines = text.replace("`", "").splitlines() or [""]

    assert find_mention("`" * 9 + f"\n{chr(10).join(lines)}\n" + "`" * 9, word="@agent") is None
    assert find_mention("\n".join(f"> {line}" for line in lines), word="@agent") is None


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece", ["[", "![", "`", "*", "<a ", "[a](", "> ", "- ", "&amp;", "\\", "<!--", "_a__", "a\n"]
)
@pytest.mark.timeout(20)
def test_a_hostile_text_costs_seconds_at_most(piece: str) -> None:
    """Sixty-five thousand characters that are slow to read do not keep a worker for long."""
    find_mention("@agent " + piece * (65_536 // len(piece)), word="@agent")
