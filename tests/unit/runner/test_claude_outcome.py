"""How a run of Claude Code went: by what the real one printed in each case."""

from decimal import Decimal

import pytest

from app.domain.event import Result, Stderr
from app.domain.reason import Reason
from app.domain.task import Tokens
from app.runner.adapters.claude_parser import ClaudeParser
from tests.unit.runner.runs import a_run, lines, parse, recorded


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("unauthorized", Reason.CLI_AUTH),
        ("forbidden", Reason.CLI_AUTH),
        ("not_logged_in", Reason.CLI_AUTH),
        ("credit_too_low", Reason.CLI_BILLING),
        ("payment_required", Reason.CLI_BILLING),
        ("model_not_found", Reason.MODEL_NOT_FOUND),
        ("rate_limited", Reason.RATE_LIMITED),
        ("usage_limit", Reason.USAGE_LIMIT),
        ("overloaded", Reason.OVERLOADED),
        ("server_error", Reason.OVERLOADED),
        ("connection_refused", Reason.NETWORK),
        ("connection_lost", Reason.NETWORK),
        ("prompt_too_long", Reason.CLI_ERROR),
        ("max_turns", Reason.MAX_TURNS),
        ("budget", Reason.BUDGET),
    ],
)
def test_a_failure_has_the_reason_a_person_needs(case: str, reason: Reason) -> None:
    """Neither the subtype (often "success") nor the exit code is asked why a run failed."""
    events, outcome = parse(recorded(case), exit_code=1)

    assert outcome.state == "failed"
    assert outcome.reason is reason
    assert outcome.detail
    assert not next(event for event in events if isinstance(event, Result)).ok


@pytest.mark.parametrize("case", ["unauthorized", "budget", "interrupted"])
def test_an_error_result_is_a_failure_even_with_exit_code_0(case: str) -> None:
    """The exit code does not make a success of an error."""
    assert parse(recorded(case), exit_code=0)[1].state == "failed"


@pytest.mark.parametrize(
    ("case", "result"),
    [
        ("thinking_and_text", "Hello **you**, this is a longer answer in a few deltas."),
        ("resumed", "Again."),
        ("background_command", "Finished after bg."),
        ("subagent", "main ends 2"),
    ],
)
def test_a_success_gives_the_last_answer(case: str, result: str) -> None:
    """The result is the CLI's final word; with background work there are several."""
    outcome = parse(recorded(case))[1]

    assert (outcome.state, outcome.reason, outcome.attention) == ("succeeded", None, None)
    assert outcome.result == result


def test_a_refused_tool_asks_for_attention() -> None:
    """A run that ended well although a tool was refused is a success to look at, the tool named."""
    outcome = parse(recorded("tools_and_a_denial"))[1]

    assert (outcome.state, outcome.attention, outcome.detail) == (
        "succeeded",
        Reason.PERMISSION_DENIED,
        "Write",
    )
    assert outcome.result == "Done."


def test_the_usage_limit_tells_when_it_is_lifted() -> None:
    """The epoch the CLI names becomes the seconds to wait."""
    assert parse(recorded("usage_limit"), exit_code=1, now=1795373739 - 90)[1].retry_after == 90


def test_the_usage_limit_of_older_versions_tells_it_in_the_text() -> None:
    """`...limit reached|EPOCH` was the form before 2.1."""
    old = lines({"type": "result", "subtype": "success", "is_error": True,
                 "result": "Claude AI usage limit reached|1750000060"})  # fmt: skip

    outcome = parse(old, exit_code=1, now=1750000000)[1]

    assert (outcome.reason, outcome.retry_after) == (Reason.USAGE_LIMIT, 60)


def test_the_first_refused_key_stops_the_run() -> None:
    """The CLI would ask again for a minute; a key does not become right by that."""
    parser = ClaudeParser(a_run())
    before, after = recorded("unauthorized").split(b'{"type":"system","subtype":"api_retry"', 1)

    parser.feed(before)
    going_on = parser.stop is None
    parser.feed(b'{"type":"system","subtype":"api_retry"' + after.split(b"\n")[0] + b"\n")

    assert going_on
    assert parser.stop is not None
    assert parser.stop.reason is Reason.CLI_AUTH
    assert parser.finish(exit_code=143, signal=None)[1].reason is Reason.CLI_AUTH


def test_a_long_wait_gives_the_slot_back() -> None:
    """When the provider asks to wait for over a minute, the run ends and says for how long."""
    parser = ClaudeParser(a_run())
    parser.feed(recorded("long_wait"))

    assert parser.stop is not None
    assert parser.stop.reason is Reason.RATE_LIMITED
    assert parser.stop.retry_after == pytest.approx(74.2, abs=0.1)


@pytest.mark.parametrize("case", ["rate_limited", "overloaded", "connection_refused"])
def test_short_waits_are_the_clis_own_business(case: str) -> None:
    """A second or two between its attempts is no reason to end a run."""
    parser = ClaudeParser(a_run())
    parser.feed(recorded(case))

    assert parser.stop is None


def test_a_success_after_a_refusal_stands() -> None:
    """A CLI that recovered before it could be stopped has done its work."""
    retry = {"type": "system", "subtype": "api_retry", "error_status": 401, "error": "authentication_failed"}
    done = {"type": "result", "subtype": "success", "is_error": False, "result": "done"}

    assert parse(lines(retry, done))[1].state == "succeeded"


def test_a_good_answer_is_remembered_whatever_came_after() -> None:
    """The caller may have ended the run itself."""
    answered = lines({"type": "result", "subtype": "success", "is_error": False, "result": "42"})

    assert parse(answered, exit_code=None, signal=9)[1].answered
    assert not parse(b"", exit_code=None, signal=9)[1].answered


@pytest.mark.parametrize(
    ("exit_code", "signal", "reason", "detail"),
    [
        (1, None, Reason.EXIT_CODE, "1"),
        (200, None, Reason.EXIT_CODE, "200"),
        (None, 9, Reason.SIGNAL, "SIGKILL"),
        (None, 15, Reason.SIGNAL, "SIGTERM"),
        (None, 63, Reason.SIGNAL, "signal 63"),
        (None, None, Reason.EXIT_CODE, "unknown"),
    ],
)
@pytest.mark.parametrize("result", [True, False])
def test_a_bad_exit_is_a_failure(
    exit_code: int | None, signal: int | None, reason: Reason, detail: str, *, result: bool
) -> None:
    """Also after a good result, whose text is kept."""
    good = lines({"type": "result", "subtype": "success", "is_error": False, "result": "done"})

    outcome = parse(good if result else b"", exit_code=exit_code, signal=signal)[1]

    assert (outcome.state, outcome.reason, outcome.detail) == ("failed", reason, detail)
    assert outcome.result == ("done" if result else None)


def test_a_terminated_cli_reports_the_signal() -> None:
    """It catches SIGTERM and exits with 143, without a result."""
    outcome = parse(recorded("terminated"), exit_code=143)[1]

    assert (outcome.reason, outcome.detail) == (Reason.SIGNAL, "SIGTERM")


def test_an_interrupted_cli_reports_the_signal() -> None:
    """It answers SIGINT with a result and exit code 0."""
    outcome = parse(recorded("interrupted"), exit_code=0)[1]

    assert (outcome.state, outcome.reason, outcome.detail) == ("failed", Reason.SIGNAL, "SIGINT")


def test_a_good_exit_without_a_result_asks_for_attention() -> None:
    """It may be all right; a person should look. The end of the output stands for the result."""
    outcome = parse(b"one\ntwo\n")[1]

    assert (outcome.state, outcome.attention, outcome.result) == ("succeeded", Reason.NO_RESULT, "one\ntwo")


def test_what_standard_error_says_last_explains_the_exit_code() -> None:
    """`exit code 1` alone helps nobody."""
    events, outcome = parse(b"", stderr=b"warning: x\nerror: unknown option '--y'\n", exit_code=1)

    assert outcome.detail == "1 (error: unknown option '--y')"
    assert [event.text for event in events if isinstance(event, Stderr)] == [
        "warning: x",
        "error: unknown option '--y'",
    ]


@pytest.mark.parametrize(
    ("error", "text", "reason"),
    [
        ("rate_limit", "You've hit your weekly limit · resets Monday", Reason.USAGE_LIMIT),
        ("rate_limit", "API Error: Request rejected (429)", Reason.RATE_LIMITED),
        ("server_error", "API Error: Connection error.", Reason.NETWORK),
        ("server_error", "API Error: Something else", Reason.OVERLOADED),
        ("", "Invalid API key · Please run /login", Reason.CLI_AUTH),
        ("", "Credit balance is too low", Reason.CLI_BILLING),
        ("", "fetch failed: ECONNRESET", Reason.NETWORK),
        ("", "Overloaded", Reason.OVERLOADED),
        ("", "Something nobody knows", Reason.CLI_ERROR),
    ],
)
def test_versions_that_tell_less_are_understood_by_their_words(error: str, text: str, reason: Reason) -> None:
    """Without a status and a code there are the assistant's `error` and the text."""
    before = {"type": "assistant", "error": error, "message": {"id": "m", "content": text}}
    result = {"type": "result", "subtype": "success", "is_error": True, "result": text}

    assert parse(lines(before, result), exit_code=1)[1].reason is reason


def test_a_refused_login_is_recognised_on_standard_error() -> None:
    """Some failures come before the first line."""
    assert parse(b"", stderr=b"Invalid API key\n", exit_code=1)[1].reason is Reason.CLI_AUTH


def test_words_on_standard_error_make_no_failure_transient() -> None:
    """A tool's own complaint about an overloaded host must not start the task again."""
    assert parse(b"", stderr=b"host overloaded\n", exit_code=3)[1].reason is Reason.EXIT_CODE


def test_an_unknown_session_can_be_begun_anew() -> None:
    """The caller learns that resuming failed, and there is nothing to resume next time."""
    outcome = parse(recorded("unknown_session"), exit_code=1, run=a_run(resumes="b571"))[1]

    assert (outcome.state, outcome.resume_failed, outcome.cli_session_id) == ("failed", True, None)


def test_a_session_id_in_use_is_recognised() -> None:
    """The CLI says so on standard error only."""
    stderr = b"Error: Session ID 3876bc80-b993-47c1-8ab8-5f75f03a1b3f is already in use.\n"

    outcome = parse(b"", stderr=stderr, exit_code=1)[1]

    assert (outcome.reason, outcome.session_in_use, outcome.resume_failed) == (Reason.EXIT_CODE, True, False)


def test_the_session_to_resume_is_known_from_the_first_line() -> None:
    """Also of a run that was ended before its result."""
    assert (
        parse(recorded("terminated"), exit_code=143)[1].cli_session_id
        == "30c3fcfb-a8d2-4339-a4bf-c92f931b396e"
    )


@pytest.mark.parametrize(
    ("case", "own", "cumulative"),
    [
        ("thinking_and_text", "0.005", "0.005"),
        ("tools_and_a_denial", "0.02", "0.02"),
        ("resumed", "0.005", "0.025"),
        ("background_command", "0.015", "0.015"),
        ("subagent", "0.03", "0.03"),
        ("budget", "0.005", "0.005"),
        ("connection_lost", "0.00832", "0.00832"),
        ("unauthorized", "0", "0"),
    ],
)
def test_a_run_counts_its_own_cost(case: str, own: str, cumulative: str) -> None:
    """The CLI's total grows over a session; what this run added is its own, float dust removed."""
    outcome = parse(recorded(case), run=a_run(resumes="s", spent="0.02" if case == "resumed" else "0"))[1]

    assert (outcome.cost_usd, outcome.cli_cost_usd) == (Decimal(own), Decimal(cumulative))


@pytest.mark.parametrize(
    ("spent", "total", "own"),
    [("0.02", 0.05, "0.03"), ("0", 0.05, "0.05"), ("0.5", 0.05, "0.05"), ("0.1", 0.3, "0.2")],
)
def test_without_a_count_per_run_the_total_is_compared(spent: str, total: float, own: str) -> None:
    """A total below what was spent before is one that began anew."""
    result = {"type": "result", "subtype": "success", "is_error": False, "total_cost_usd": total}

    outcome = parse(lines(result), run=a_run(resumes="s", spent=spent))[1]

    assert (outcome.cost_usd, outcome.cli_cost_usd) == (Decimal(own), Decimal(str(total)))


def _told(total: float, since: float) -> dict[str, object]:
    models = {"model": {"costUSD": since, "inputTokens": 1}}
    told = {"total_cost_usd": total, "model_usage_since_last_result": models}
    return {"type": "result", "subtype": "success", "is_error": False, **told}


def test_what_the_run_before_could_not_tell_is_its_own_and_counted_once() -> None:
    """A run that was ended before its result line: the CLI's total has its part, this run's count has not."""
    outcome = parse(lines(_told(0.5, 0.2), _told(0.6, 0.1)), run=a_run(resumes="s", spent="0.1"))[1]

    assert (outcome.cost_usd, outcome.earlier_usd) == (Decimal("0.3"), Decimal("0.2"))
    assert outcome.cli_cost_usd == Decimal("0.6")


def test_a_new_session_has_no_run_before() -> None:
    """What the counts leave open there is nobody else's."""
    assert parse(lines(_told(0.5, 0.2)), run=a_run())[1].earlier_usd == 0


@pytest.mark.parametrize("cost", ["many", None, True, -1, float("nan"), float("inf"), 10**400, [], {}])
def test_a_cost_that_makes_no_sense_is_none(cost: object) -> None:
    """It neither raises nor reaches the sum."""
    outcome = parse(lines({"type": "result", "subtype": "success", "total_cost_usd": cost}))[1]

    assert (outcome.state, outcome.cost_usd) == ("succeeded", Decimal(0))


@pytest.mark.parametrize(
    ("case", "tokens"),
    [
        ("tools_and_a_denial", Tokens(input=4000, output=200)),
        ("resumed", Tokens(input=1000, output=50)),
        ("background_command", Tokens(input=3000, output=150)),
        ("subagent", Tokens(input=6000, output=300)),
        ("budget", Tokens(input=1000, output=50)),
        ("terminated", Tokens(input=1000, output=50)),
    ],
)
def test_a_run_counts_its_own_tokens(case: str, tokens: Tokens) -> None:
    """Subagents included, nothing twice; without a result, what the messages told."""
    assert parse(recorded(case))[1].tokens == tokens


def test_every_outcome_has_a_sentence() -> None:
    """What a person reads names the CLI and ends with what to do."""
    outcome = parse(recorded("unauthorized"), exit_code=1)[1]

    assert outcome.sentence("claude") == (
        "Claude is not signed in: Invalid API key · Fix external API key. "
        "Give the worker a valid key, then retry."
    )
    assert parse(recorded("resumed"))[1].sentence("claude") == ""
