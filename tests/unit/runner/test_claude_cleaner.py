"""A secret that is spread over the pieces of a streamed message is shown in none of them."""

import json
import random
from typing import Any

import pytest

from app.runner.adapters.claude_cleaner import MOST_HELD, ClaudeCleaner
from app.security.redact import MASK, Redactor
from tests.unit.runner.runs import CORPUS, recorded

SECRETS = ("sécrèt-пароль-🙂-value", "abcDEF123456789/+=x", "g-another-secret-1")
REDACTOR = Redactor(SECRETS)


def delta(index: int, text: str, kind: str = "text", lane: str | None = None) -> bytes:
    """Return a piece of a block as the CLI prints it."""
    field = {"text": "text", "thinking": "thinking", "input_json": "partial_json"}[kind]
    event = {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", field: text}}
    return line({"type": "stream_event", "event": event, "parent_tool_use_id": lane})


def line(content: dict[str, Any]) -> bytes:
    """Return one line."""
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


STOP = line({"type": "stream_event", "event": {"type": "content_block_stop", "index": 0}})


def cleaned(data: bytes, *, sizes: tuple[int, ...] = (10**9,)) -> bytes:
    """Return what is shown of it, fed in pieces of these sizes in turn."""
    cleaner, shown, turn = ClaudeCleaner(REDACTOR), [], 0
    while data:
        size = sizes[turn % len(sizes)]
        shown.append(cleaner.feed(data[:size]))
        data, turn = data[size:], turn + 1
    return b"".join([*shown, cleaner.finish()])


def texts(output: bytes) -> str:
    """Return what the pieces say together."""
    found = [json.loads(one) for one in output.splitlines()]
    deltas = [one["event"]["delta"] for one in found if one.get("event", {}).get("delta")]
    return "".join(value for delta in deltas for key, value in delta.items() if key != "type")


@pytest.mark.parametrize("kind", ["text", "thinking", "input_json"])
@pytest.mark.parametrize("secret", SECRETS)
def test_one_character_a_piece(kind: str, secret: str) -> None:
    """The mask stands where it began; the rest of its pieces are empty; every line is there."""
    pieces = [delta(0, character, kind) for character in f"it is {secret}, look"]

    shown = cleaned(b"".join(pieces) + STOP)

    assert texts(shown) == f"it is {MASK}, look"
    assert len(shown.splitlines()) == len(pieces) + 1


@pytest.mark.parametrize("case", sorted(path.stem for path in CORPUS.glob("*.jsonl")))
def test_real_output_stays_byte_for_byte(case: str) -> None:
    """Cut in any way."""
    whole = recorded(case)
    for sizes in ((10**9,), (1,), (7, 300, 64)):
        assert cleaned(whole, sizes=sizes) == whole


@pytest.mark.parametrize("size", [1, 7, 20, 40, 80])
@pytest.mark.parametrize("secret", ["sk-ant-api03-" + "A1b2_" * 12, "abcDEF123456789/+=xAndMore"])
def test_a_piece_that_is_a_secret_by_itself_may_go_on(secret: str, size: int) -> None:
    """A token that is long enough already, a secret that begins as another one: no rest of it is shown."""
    redactor = Redactor([*SECRETS, "abcDEF123456789/+=xAndMore"])
    text = f"it is {secret}, look"
    cleaner = ClaudeCleaner(redactor)
    pieces = [delta(0, text[at : at + size]) for at in range(0, len(text), size)]

    shown = cleaner.feed(b"".join(pieces) + STOP) + cleaner.finish()

    assert texts(shown) == f"it is {MASK}, look"


def test_pieces_of_two_agents_at_once_are_told_apart() -> None:
    """A subagent's text between two pieces of a secret makes neither of them harmless."""
    secret = SECRETS[1]
    mixed = [delta(0, secret[:9]), delta(0, "from below", lane="sub"), delta(0, secret[9:])]

    shown = cleaned(b"".join(mixed) + STOP)

    assert texts(shown) == f"{MASK}from below"


def test_a_piece_that_may_begin_a_secret_waits_for_the_next_one_only() -> None:
    """What it turned out to be is shown at once, in order; the end of the block ends the waiting too."""
    cleaner = ClaudeCleaner(REDACTOR)
    waiting, following = delta(0, "so it is abcDEF"), delta(0, "GHI")
    assert cleaner.feed(waiting) == b""
    assert cleaner.feed(following) == waiting + following
    assert cleaner.feed(waiting) == b""
    assert cleaner.feed(STOP) == waiting + STOP


def test_what_waits_is_bounded() -> None:
    """A text that goes on as the beginning of a secret for ever does not fill memory."""
    cleaner = ClaudeCleaner(REDACTOR)
    cleaner.feed(delta(0, "g"))
    other = line({"type": "stream_event", "event": {"type": "ping", "padding": "x" * 10_000}})
    shown = sum(len(cleaner.feed(other)) for _ in range(300))
    assert shown > 300 * 10_000 - MOST_HELD


def test_a_line_without_end_is_cleaned_as_it_comes() -> None:
    """Megabytes without a line feed, with a secret across each cut."""
    secret = SECRETS[1].encode()
    data = (b"x" * 100_000 + secret) * 30
    cleaner = ClaudeCleaner(REDACTOR)
    shown = b"".join(cleaner.feed(data[at : at + 99_991]) for at in range(0, len(data), 99_991))
    shown += cleaner.finish()
    assert shown == data.replace(secret, MASK.encode())


@pytest.mark.no_cover
def test_a_thousand_streams_cut_anywhere_leak_nothing() -> None:
    """Blocks of many pieces, whole lines between them: joined they say what the clean whole says."""
    for seed in range(1000):
        dice = random.Random(seed)
        words = ["hello ", "world\n", "gs", "x" * dice.randint(0, 9), *SECRETS]
        whole = "".join(dice.choice(words) for _ in range(dice.randint(1, 12)))
        pieces, rest = [], whole
        while rest:
            size = dice.randint(1, 8)
            pieces.append(delta(0, rest[:size]))
            rest = rest[size:]
        answer = line({"type": "assistant", "message": {"content": [{"type": "text", "text": whole}]}})

        shown = cleaned(b"".join(pieces) + STOP + answer, sizes=(dice.randint(1, 500), dice.randint(1, 50)))

        assert texts(shown) == REDACTOR.clean_text(whole)
        assert not any(secret in shown.decode() for secret in SECRETS)
