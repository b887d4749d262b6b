"""What is shown of Claude Code's lines."""

import json
import re
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.event import Event, Notice, Raw, Result, Status, Text, Thinking, ToolCall, ToolResult, Usage
from app.runner.adapters import storable
from app.runner.adapters.claude_parser import LONGEST_LINE, ClaudeParser
from app.runner.adapters.lines import PIECE
from tests.unit.runner.runs import CORPUS, a_run, lines, parse, recorded

CASES = sorted(path.stem for path in CORPUS.glob("*.jsonl"))
EVERYTHING = b"".join(recorded(case) for case in CASES)


def shown(stdout: bytes) -> list[Event]:
    """Return the Events of a run that printed this."""
    return parse(stdout)[0]


def assistant(*content: object, message_id: str = "msg_1", **more: object) -> dict[str, Any]:
    """Return an assistant line."""
    return {"type": "assistant", "message": {"id": message_id, "content": list(content)}, **more}


CALL = '{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t","name":"T","input":INPUT}]}}'


def text(said: str) -> dict[str, str]:
    """Return a text block."""
    return {"type": "text", "text": said}


def streamed(event: dict[str, Any], **more: object) -> dict[str, Any]:
    """Return a stream line."""
    return {"type": "stream_event", "event": event, **more}


def start(message_id: str = "msg_1", **more: object) -> dict[str, Any]:
    """Return the line that begins a message."""
    return streamed({"type": "message_start", "message": {"id": message_id}}, **more)


def delta(said: str, index: int = 0, **more: object) -> dict[str, Any]:
    """Return the line with a piece of a text."""
    piece = {"type": "text_delta", "text": said}
    return streamed({"type": "content_block_delta", "index": index, "delta": piece}, **more)


def test_a_whole_run_is_shown_in_order() -> None:
    """Text, calls and results as they came, each once, with what was used and the result."""
    events = shown(recorded("tools_and_a_denial"))

    assert [event.kind for event in events] == [
        *("status", "text", "tool_call", "usage", "tool_result", "tool_call", "usage", "tool_result"),
        *("tool_call", "usage", "tool_result", "text", "usage", "usage", "result"),
    ]
    assert events[0] == Status(state="started", detail="Claude Code 2.1.330, claude-opus-5-5")
    assert isinstance(events[2], ToolCall)
    assert (events[2].name, events[2].input) == ("Bash", {"command": "echo hi; echo err >&2"})
    assert events[4] == ToolResult(id=events[2].id, ok=True, text="hi\nerr")
    assert isinstance(events[10], ToolResult)
    assert not events[10].ok
    assert events[-2] == Usage(input=4000, output=200, cost_usd=Decimal("0.02"))
    assert events[-1] == Result(ok=True, text="Done.", cost_usd=Decimal("0.02"), turns=4, duration_ms=392)


def test_deltas_that_come_together_are_one_event() -> None:
    """What one read brings of a block is not split again; the whole message after it adds nothing."""
    said = [event for event in shown(recorded("thinking_and_text")) if isinstance(event, Text | Thinking)]

    assert [(event.kind, event.text) for event in said] == [
        ("thinking", "Let me think about greeting."),
        ("text", "Hello **you**, this is a longer answer in a few deltas."),
    ]
    assert said[0].block != said[1].block


def test_deltas_that_come_apart_share_their_block() -> None:
    """The page joins them."""
    parser = ClaudeParser(a_run())

    events = [event for line in (start(), delta("Hel"), delta("lo")) for event in parser.feed(lines(line))]

    assert events == [Text(text="Hel", block="msg_1:0"), Text(text="lo", block="msg_1:0")]


@pytest.mark.parametrize(
    ("given_lines", "texts"),
    [
        pytest.param([assistant(text("a"))], ["a"], id="not streamed"),
        pytest.param([start(), delta("a"), assistant(text("a"))], ["a"], id="streamed"),
        pytest.param([start(), delta("a"), assistant(text("ab"))], ["a", "b"], id="the end was not streamed"),
        pytest.param([start(), delta("a"), assistant(text("b"))], ["a", "b"], id="another text"),
        pytest.param([start(), assistant(text("a"))], ["a"], id="begun, not streamed"),
        pytest.param([assistant(text("a")), assistant(text("a"))], ["a", "a"], id="the same id again"),
        pytest.param(
            [start(), delta("a"), assistant(text("a")), assistant(text("a"))], ["a", "a"], id="said again"
        ),
        pytest.param(
            [start(), delta("a"), delta("b", 1), assistant(text("a")), assistant(text("b"))],
            ["a", "b"],
            id="line by line",
        ),
        pytest.param(
            [start(), delta("a"), delta("b", 1), assistant(text("a"), text("b"))],
            ["a", "b"],
            id="in one line",
        ),
        pytest.param(
            [start(), delta("a"), assistant(text("a"), message_id="msg_2")], ["a", "a"], id="another message"
        ),
        pytest.param([delta("a"), assistant(text("a"))], ["a"], id="no beginning"),
        pytest.param([start(), delta("\0a"), assistant(text("\0a"))], ["\ufffda"], id="NUL"),
    ],
)
def test_a_text_is_shown_once_and_never_lost(given_lines: list[dict[str, Any]], texts: list[str]) -> None:
    """A whole message repeats what was streamed; only what was really streamed is left out."""
    parser = ClaudeParser(a_run())

    events = [event for line in given_lines for event in parser.feed(lines(line))]

    assert [event.text for event in events if isinstance(event, Text)] == texts


def test_the_rest_of_a_text_continues_its_block() -> None:
    """A stream that missed its end is completed in place."""
    events = shown(lines(start(), delta("Hel"), assistant(text("Hello"))))

    assert events == [Text(text="Hello", block="msg_1:0")]


def test_a_block_name_is_never_used_twice() -> None:
    """A CLI whose messages all have one id must not have its texts run together."""
    events = shown(
        lines(start(), delta("a"), assistant(text("a")), start(), delta("b"), assistant(text("b")))
    )

    names = [event.block for event in events if isinstance(event, Text)]
    assert len(set(names)) == len(names) == 2


def test_subagents_stream_side_by_side() -> None:
    """Each has a lane of its own: deltas carry no message id."""
    sub: dict[str, Any] = {"parent_tool_use_id": "toolu_1"}
    begun = [start("m"), start("s", **sub), delta("main"), delta("sub", **sub)]
    ended = [assistant(text("main"), message_id="m"), assistant(text("sub"), message_id="s", **sub)]

    events = shown(lines(*begun, *ended))

    assert events == [Text(text="main", block="m:0"), Text(text="sub", block="s:0")]


def test_a_long_text_comes_in_parts() -> None:
    """No Event is too large to send; the parts are one block."""
    events = shown(lines(assistant(text("x" * 200_000))))

    assert len(events) == 4
    assert "".join(event.text for event in events if isinstance(event, Text)) == "x" * 200_000
    assert len({event.block for event in events if isinstance(event, Text)}) == 1


def test_an_api_error_is_not_said_by_the_agent() -> None:
    """The CLI words it as an assistant's text; it is a notice."""
    events = shown(recorded("not_logged_in"))

    assert Notice(code="api_error", text="Not logged in · Please run /login") in events
    assert not [event for event in events if isinstance(event, Text)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "image", "source": {"data": "x" * 1000}}], "[image]"),
        ([{"type": 7}, "b"], "[something]\nb"),
        (None, ""),
        (5, "5"),
        ({"a": 1}, '{"a": 1}'),
        ("x" * (storable.LONGEST + 5), "x" * storable.LONGEST + "\n[... 5 more characters, see the output]"),
    ],
)
def test_a_tool_result_is_text(content: object, said: str) -> None:
    """Whatever form it has; images are named, not shown."""
    block = {"type": "tool_result", "tool_use_id": "t", "content": content, "is_error": True}

    assert shown(lines({"type": "user", "message": {"content": [block]}})) == [
        ToolResult(id="t", ok=False, text=said)
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"plain text",
        b"",
        b"progress 1\rprogress 2",
        b"\xff\xfe binary \x00",
        b'{"type":"assistant"',
        b'{"type":"assistant","message":null}',
        b'{"type":"assistant","message":{"content":5}}',
        b'{"type":"stream_event"}',
        b'{"type":"stream_event","event":{"type":"content_block_delta","index":[],"delta":{"type":"text_delta","text":"x"}}}',
        b'{"type":"user","message":[]}',
        b'{"type":["list"]}',
        b'{"type":"something_new","n":1}',
        b'{"type":"system","subtype":"something_new"}',
        b"[1,2]",
        b'"text"',
        b"12",
        b"null",
        b"{}",
        b"{" * 100_000,
        b'{"type":' + b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    ids=range(21),
)
def test_what_is_not_understood_is_shown_as_it_is(line: bytes) -> None:
    """One unknown line is raw, and the next line is understood all the same."""
    events = shown(line + b"\n" + lines(assistant(text("after"))))

    assert isinstance(events[-1], Text)
    raw = [event for event in events[:-1] if isinstance(event, Raw)]
    assert raw == events[:-1]
    assert "".join(event.text for event in raw) == storable.decoded(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"type":"keep_alive"}{"type":"assistant","message":{"content":"b"}}', [Text(text="b")]),
        (b'{"type":"assistant","message":{"content":"a"}} tail', [Text(text="a"), Raw(text="tail")]),
        (b'{"x":1}{"type":"assistant","message":{"content":"b"}}', [Raw(text='{"x":1}'), Text(text="b")]),
        (b'{"type":"assistant","message":{"content":"\\ud800"}}', [Text(text="\ufffd")]),
        (b'{"type":"assistant","message":{"content":"a\\u0000b"}}', [Text(text="a\ufffdb")]),
        (b'{"type":"assistant","message":{"content":"\xff"}}', [Text(text="\ufffd")]),
        (b'  {"type":"assistant","message":{"content":"a"}}\r', [Text(text="a")]),
    ],
)
def test_awkward_lines_are_understood(line: bytes, expected: list[Event]) -> None:
    """Several objects, what no database takes, what is not UTF-8, spaces."""
    assert shown(line + b"\n") == expected


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e999", "123456789012345678901234567890", "9" * 5000]
)
def test_numbers_nobody_can_store_do_no_harm(number: str) -> None:
    """A tool's input may hold any number; what is shown can be stored and sent."""
    line = CALL.replace("INPUT", number)

    (event,) = shown(line.encode() + b"\n")

    assert isinstance(event, ToolCall | Raw)
    orjson.dumps(event.model_dump())


def test_a_deep_input_is_cut() -> None:
    """A tool's input nested without end is still an Event that can be stored."""
    deep = '{"a":' * 300 + "1" + "}" * 300
    line = CALL.replace("INPUT", deep)

    (event,) = shown(line.encode() + b"\n")

    assert isinstance(event, ToolCall)
    assert b"nested too deep" in orjson.dumps(event.model_dump())


def test_json_is_kept_as_far_as_it_can_be_stored() -> None:
    """A number no column takes is shown by its digits, where there are not too many."""
    value = {"list": [1, "a", None, True, 1.5], "huge": 2**70, "endless": 10**5000, "nan": float("nan")}

    assert storable.json_value(value) == {
        "list": [1, "a", None, True, 1.5],
        "huge": str(2**70),
        "endless": "[a number too long to show]",
        "nan": "nan",
    }


def test_every_kind_of_block_is_shown() -> None:
    """Thinking that was not streamed, tools the API runs itself, and blocks nobody has heard of."""
    events = shown(
        lines(
            assistant(
                {"type": "thinking", "thinking": "hm"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "s",
                    "content": [{"type": "web_search_result"}],
                },
                {"type": "news"},
            )
        )
    )

    assert events == [
        Thinking(text="hm"),
        ToolCall(id="s", name="web_search", input={}),
        ToolResult(id="s", ok=True, text="[web_search_result]"),
        Raw(text='{"type": "news"}'),
    ]


def test_what_the_cli_does_meanwhile_is_a_status() -> None:
    """Compacting takes long and prints nothing else."""
    events = shown(
        lines(
            {"type": "system", "subtype": "status", "status": "requesting"},
            {"type": "system", "subtype": "status", "status": None},
            {"type": "system", "subtype": "status", "status": "compacting"},
            {"type": "system", "subtype": "compact_boundary"},
        )
    )

    assert [event.state for event in events if isinstance(event, Status)] == ["compacting", "compacted"]
    assert len(events) == 2


def test_memory_is_bounded_however_many_messages_stream() -> None:
    """Messages, blocks and lanes without end are forgotten, oldest first."""
    parser = ClaudeParser(a_run())

    for number in range(6000):
        lane = f"lane-{number}"
        parser.feed(lines(start(f"m{number}", parent_tool_use_id=lane), delta("x", parent_tool_use_id=lane)))
        parser.feed(lines(delta("x", number)))

    blocks = parser._messages._blocks
    assert len(blocks._lanes) <= 64
    assert len(blocks._names) <= 4096
    assert all(len(message.blocks) <= 1024 for message in blocks._lanes.values())


def test_half_a_line_at_the_end_is_shown() -> None:
    """A CLI that died in mid-sentence loses nothing."""
    assert shown(lines(assistant(text("a"))) + b'{"type":"assis') == [
        Text(text="a"),
        Raw(text='{"type":"assis'),
    ]


def test_a_huge_line_is_shown_in_pieces_and_not_held() -> None:
    """Memory is bounded by the longest line that is parsed, whatever is printed."""
    parser = ClaudeParser(a_run())
    total, largest = 0, 0
    for _ in range(200):
        for event in parser.feed(b"\xc3\xa4" * PIECE):
            assert isinstance(event, Raw)
            total += len(event.text)
            largest = max(largest, len(event.text.encode()))
        assert len(parser._lines._held) <= LONGEST_LINE + 2 * PIECE
    events, _ = parser.finish(exit_code=0, signal=None)

    assert total + sum(len(event.text) for event in events if isinstance(event, Raw)) == 200 * PIECE
    assert largest <= PIECE


def test_the_line_after_a_huge_one_is_understood() -> None:
    """The end of the line ends the trouble."""
    events = shown(b'{"type":"' + b"x" * (LONGEST_LINE + 1) + b"\n" + lines(assistant(text("after"))))

    assert events[-1] == Text(text="after")


def test_the_plans_limit_is_announced() -> None:
    """Before it is reached, where the CLI tells."""
    info = {"status": "allowed_warning", "resetsAt": 1795373739, "rateLimitType": "seven_day"}

    events = shown(lines({"type": "rate_limit_event", "rate_limit_info": info}))

    assert events == [Notice(code="usage_limit", text="The plan's seven day limit is close.")]


def joined(events: list[Event]) -> list[tuple[object, ...]]:
    """Return the Events with neighbouring texts of one block joined: where they are cut depends on reads."""
    items: list[tuple[object, ...]] = []
    for event in events:
        if (
            isinstance(event, Text | Thinking)
            and items
            and event.block
            and items[-1][:2] == (event.kind, event.block)
        ):
            items[-1] = (event.kind, event.block, f"{items[-1][2]}{event.text}")
        elif isinstance(event, Text | Thinking):
            items.append((event.kind, event.block, event.text))
        else:
            items.append((event,))
    return items


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_where_the_reads_cut_makes_no_difference(case: str, data: st.DataObject) -> None:
    """Any chunks of what the real CLI printed give the same Events and the same Outcome."""
    stdout = recorded(case)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stdout)), max_size=12)))
    parser = ClaudeParser(a_run(), now=lambda: 0)

    events = [
        event
        for begin, end in zip([0, *cuts], [*cuts, len(stdout)], strict=True)
        for event in parser.feed(stdout[begin:end])
    ]
    last, outcome = parser.finish(exit_code=0, signal=None)

    whole, expected = parse(stdout)
    assert joined([*events, *last]) == joined(whole)
    assert outcome == expected


def test_byte_by_byte_is_the_same_too() -> None:
    """The smallest reads there are, with UTF-8 in them."""
    stdout = "ä€😀\n".encode() + lines(assistant(text("ä€😀"))) + recorded("thinking_and_text")
    parser = ClaudeParser(a_run())

    events = [event for byte in stdout for event in parser.feed(bytes([byte]))]

    assert joined(events) == joined(shown(stdout))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def test_many_objects_on_a_line_take_no_longer_than_their_bytes() -> None:
    """The first thousand are understood; the rest is shown as it is, all of it."""
    line = b"".join(b'{"type":"keep_alive"}' for _ in range(1000)) + b"{}" * 90_000

    events, _ = parse(line + b"\n")

    assert b"".join(_raw(event) for event in events) == b"{}" * 90_000
    assert len(events) < 20


def test_a_dense_line_is_shown_and_not_parsed() -> None:
    """Megabytes of small objects would be a hundred times their size in memory."""
    line = lines(assistant({"type": "tool_use", "id": "1", "name": "X", "input": [{}] * 250_000}))

    events, _ = parse(line)

    assert {event.kind for event in events} == {"raw"}
    assert b"".join(_raw(event) for event in events) == line.rstrip(b"\n")


def _raw(event: Event) -> bytes:
    assert isinstance(event, Raw)
    return event.text.encode()


def test_an_argument_of_any_size_is_cut_to_what_an_event_may_hold() -> None:
    """Many small values, and one large: the beginning is kept, and it says that it was cut."""
    for value in ([{"a": 1}] * 150_000, {"content": "x" * 3_000_000}, {"k" * 3_000_000: 1}):
        stored = orjson.dumps(storable.json_value(value))
        assert len(stored) < 1.2 * storable.LONGEST
    assert b"cut, see the output" in orjson.dumps(storable.json_value(["x" * 2_000_000]))
    assert storable.json_value({"a": [1, "b"]}) == {"a": [1, "b"]}


def test_an_endless_id_is_cut() -> None:
    """It names a block in each of its pieces."""
    started = {"type": "stream_event", "event": {"type": "message_start", "message": {"id": "i" * 200_000}}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}}

    events, _ = parse(lines(started, {"type": "stream_event", "event": delta}))

    assert [len(event.block or "") for event in events if isinstance(event, Text)] == [202]


FIELDS = [
    "type",
    "subtype",
    "message",
    "content",
    "event",
    "delta",
    "index",
    "id",
    "usage",
    "result",
    "errors",
    "error",
]
FIELDS += [
    "model_usage_since_last_result",
    "permission_denials",
    "parent_tool_use_id",
    "rate_limit_info",
    "is_error",
]
VALUES = [
    "system",
    "init",
    "api_retry",
    "assistant",
    "user",
    "result",
    "stream_event",
    "message_start",
    "text",
]
VALUES += [
    "tool_use",
    "tool_result",
    "content_block_delta",
    "message_delta",
    "text_delta",
    "rate_limit_event",
]


def _with_words(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(FIELDS), inner | st.sampled_from(VALUES), max_size=6) | st.lists(
        inner, max_size=3
    )


NOISE = [b"\n", b"{", b'"', b"}", b"\xff", b"\0", b"\r", b"a", b'{"type":"user"}']
LINES = st.dictionaries(
    st.sampled_from(FIELDS),
    st.recursive(JSON | st.sampled_from(VALUES), _with_words, max_leaves=12),
    max_size=8,
)


@pytest.mark.no_cover
@settings(max_examples=200, deadline=None)
@given(line=LINES, kind=st.sampled_from(VALUES))
@example(
    line={"message": {"content": [{"type": "tool_use", "input": {"\ud800": "\ud800"}}]}}, kind="assistant"
)
def test_no_line_of_any_shape_breaks_a_run(line: dict[str, Any], kind: str) -> None:
    """The words of the format with anything in their places: no exception, and all can be stored."""
    printed = json.dumps({**line, "type": kind}).encode() + b"\n"

    events, outcome = parse(printed + lines(assistant(text("after"))))

    assert Text(text="after") in events
    assert outcome.cost_usd >= 0
    for event in events:
        stored = orjson.dumps(event.model_dump(), default=str)
        assert not re.search(rb"(?<!\\)\\u0000", stored)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.lists(st.sampled_from(NOISE)).map(b"".join))
def test_no_bytes_break_a_run(noise: bytes) -> None:
    """Binary output, on both streams: shown, stored, and over."""
    events, outcome = parse(noise, stderr=noise)

    assert outcome.state == "succeeded"
    for event in events:
        orjson.dumps(event.model_dump(), default=str)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(EVERYTHING) - 1), st.integers(0, 255))
def test_a_flipped_byte_breaks_nothing(place: int, byte: int) -> None:
    """Damage anywhere in real output stays where it is."""
    events, _ = parse(EVERYTHING[:place] + bytes([byte]) + EVERYTHING[place + 1 :])

    assert len(events) > 100
