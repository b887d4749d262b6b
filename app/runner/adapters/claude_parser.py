"""Understands what Claude Code prints with `--output-format stream-json`, one JSON object a line.

Whatever is not understood, or not JSON at all, is a Raw Event: nothing a CLI prints can break a run.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from app.domain.event import Event, Notice, Result, Status, Usage
from app.domain.reason import Reason
from app.runner.adapters import reading, storable
from app.runner.adapters.base import Outcome, Run
from app.runner.adapters.claude_accounts import Accounts
from app.runner.adapters.claude_ending import Ending, read_result, status_reason, worded_reason
from app.runner.adapters.claude_messages import ClaudeMessages
from app.runner.adapters.event_batch import EventBatch
from app.runner.adapters.exits import Stderrs, verdict
from app.runner.adapters.lines import Line, LineSplitter
from app.runner.adapters.reading import Json
from app.runner.adapters.tail import Tail

#: A longer line is shown, but not parsed.
LONGEST_LINE = 8 * 1024 * 1024
#: Objects and lists of a line that is parsed: eight megabytes of `{},{},` would be half a gigabyte of dicts.
MOST_NODES = 200_000
#: Objects on one line that are understood one by one; what follows is shown as it is.
MOST_ON_A_LINE = 1000
#: A CLI that wants to wait longer than this before it asks again gives its slot back meanwhile.
LONGEST_WAIT = 30.0

_ANYTHING_WRONG = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# What is said in another line as well, or to nobody: progress counters and heartbeats.
_SILENT = frozenset({"tool_progress", "tool_use_summary", "keep_alive", "command_lifecycle"})
_SILENT_SYSTEM = frozenset(
    {"thinking_tokens", "permission_denied", "task_progress", "task_updated", "background_tasks_changed"}
)
_WORD = re.compile(r"\S")
# An exit code a shell gives for a signal, and the CLI for one that it caught.
_CAUGHT = {130: 2, 137: 9, 143: 15}


class ClaudeParser:
    """Parses one run."""

    def __init__(self, run: Run, *, now: Callable[[], float] = time.time) -> None:
        self._run = run
        self._now = now
        self._lines = LineSplitter(LONGEST_LINE)
        self._stderr = Stderrs()
        self._batch = EventBatch()
        self._tail = Tail()
        self._messages = ClaudeMessages(self._batch, self._tail)
        self._accounts = Accounts(run.previous_cost_usd, resumed=run.cli_session_id is not None)
        self._session_id: str | None = None
        self._ending: Ending | None = None
        self._denied: dict[str, None] = {}
        self._stop: tuple[Reason, str, float | None] | None = None
        self._kinds: dict[str, Callable[[Json], bool]] = {
            "system": self._system,
            "stream_event": self._messages.stream_event,
            "assistant": self._messages.assistant,
            "user": self._messages.user,
            "result": self._result,
            "rate_limit_event": self._rate_limit,
        }

    @property
    def stop(self) -> Outcome | None:
        """Set when the API refused the key, or asked to wait for long: there is no use in going on."""
        if self._stop is None:
            return None
        reason, detail, retry_after = self._stop
        return replace(self._told, state="failed", reason=reason, detail=detail, retry_after=retry_after)

    def feed(self, stdout: bytes) -> list[Event]:
        """Take bytes of standard output; return the Events they complete."""
        for line in self._lines.feed(stdout):
            self._line(line)
        return self._batch.take()

    def feed_stderr(self, data: bytes) -> list[Event]:
        """Take bytes of standard error; return the Events they complete."""
        return self._stderr.feed(data)

    def finish(self, *, exit_code: int | None, signal: int | None) -> tuple[list[Event], Outcome]:
        """Both streams have ended: return the last Events and how the run went."""
        for line in self._lines.finish():
            self._line(line)
        events = [*self._batch.take(), *self._stderr.finish()]
        if self._ending is None:
            return events, self.stop or self._without_result(exit_code, signal)
        return events, self._with_result(self._ending, exit_code, signal)

    # Lines

    def _line(self, line: Line) -> None:
        data = line.data
        if not line.whole or not (data.startswith(b"{") or data[:1].isspace()) or _is_dense(data):
            self._raw(data)
            return
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            self._awkward_line(data)
            return
        if not self._understood(value):
            self._raw(data)

    def _awkward_line(self, data: bytes) -> None:
        """Take a line that strict JSON refuses: not UTF-8, NaN, a lone surrogate, several objects, none."""
        rest = data.decode("utf-8", "replace").strip()
        start = 0
        for _ in range(MOST_ON_A_LINE):
            if not rest.startswith("{", start):
                break
            try:
                value, end = json.JSONDecoder().raw_decode(rest, start)
            except (ValueError, RecursionError):
                break
            if not self._understood(value):
                self._raw(rest[start:end].encode("utf-8", "replace"))
            start = _after_space(rest, end)
        if start < len(rest):
            self._raw(rest[start:].encode("utf-8", "replace"))

    def _understood(self, value: Any) -> bool:
        """Whether `value` was a line of the CLI; its Events are in the batch then."""
        if not isinstance(value, dict):
            return False
        kind = value.get("type")
        if not isinstance(kind, str):
            return False
        read = self._kinds.get(kind)
        if read is None:
            return kind in _SILENT
        try:
            return read(value)
        except _ANYTHING_WRONG:
            # A field of a shape nobody thought of. The line is shown as it is; the run goes on.
            return False

    def _raw(self, data: bytes) -> None:
        self._batch.raw(data)
        self._tail.add(storable.decoded(data[-4096:]))

    # Kinds of lines

    def _system(self, line: Json) -> bool:
        match reading.string(line, "subtype"):
            case "init":
                self._session_id = reading.string(line, "session_id") or self._session_id
                version, model = reading.string(line, "claude_code_version"), reading.string(line, "model")
                said = [f"Claude Code {version}" if version else "", model]
                self._status("started", ", ".join(part for part in said if part))
            case "api_retry":
                self._api_retry(line)
            case "status":
                if reading.string(line, "status") not in ("", "requesting"):
                    self._status(reading.string(line, "status"), "")
            case "compact_boundary":
                self._status("compacted", "The conversation was long; the CLI summarised its beginning.")
            case "task_started":
                self._status("task_started", reading.string(line, "description"))
            case "task_notification":
                self._status("task_ended", reading.string(line, "summary"))
            case other:
                return other in _SILENT_SYSTEM
        return True

    def _api_retry(self, line: Json) -> None:
        status = reading.number(line, "error_status")
        error = storable.text(reading.string(line, "error"))[:80] or "unknown"
        delay = reading.number(line, "retry_delay_ms")
        wait = None if delay is None else delay / 1000
        answer = f"answered {status} ({error})" if status else f"could not be reached ({error})"
        self._batch.add(Notice(code="api_retry", text=f"The model provider {answer}; the CLI asks again."))
        if self._stop is not None:
            return
        if status in (401, 403):
            self._stop = (Reason.CLI_AUTH, f"the model provider answered {status} ({error})", None)
        elif wait is not None and wait > LONGEST_WAIT:
            reason = status_reason(status) or Reason.NETWORK
            self._stop = (reason, f"the model provider {answer} and asks to wait for {wait:.0f} s", wait)

    def _rate_limit(self, line: Json) -> bool:
        info = reading.obj(line, "rate_limit_info")
        if reading.string(info, "status") in ("allowed_warning", "rejected"):
            window = storable.text(reading.string(info, "rateLimitType")).replace("_", " ") or "usage"
            reached = "is reached" if info["status"] == "rejected" else "is close"
            self._batch.add(Notice(code="usage_limit", text=f"The plan's {window} limit {reached}."))
        return True

    def _result(self, line: Json) -> bool:
        ending = read_result(line, self._messages.error)
        self._accounts.add(line)
        self._session_id = reading.string(line, "session_id") or self._session_id
        self._ending = ending
        self._denied |= dict.fromkeys(ending.denied)
        self._batch.add(Usage(**self._accounts.tokens.model_dump(), cost_usd=self._accounts.cost_usd))
        self._batch.add(
            Result(
                ok=ending.ok,
                text=ending.text,
                cost_usd=self._accounts.cost_usd,
                turns=reading.number(line, "num_turns"),
                duration_ms=reading.number(line, "duration_ms"),
            )
        )
        return True

    def _status(self, state: str, detail: str) -> None:
        self._batch.add(Status(state=storable.text(state)[:80], detail=storable.text(detail)[:1000]))

    # The end

    def _with_result(self, ending: Ending, exit_code: int | None, signal: int | None) -> Outcome:
        told = self._told
        if not ending.ok:
            return replace(
                told,
                state="failed",
                reason=ending.reason,
                detail=ending.detail,
                retry_after=None if ending.resets_at is None else max(0.0, ending.resets_at - self._now()),
                **_session_trouble(ending.detail),
            )
        bad = verdict(exit_code, signal, self._stderr.tail.last_line)
        if bad:
            stopped = self.stop or replace(told, state="failed", reason=bad[0], detail=bad[1])
            return replace(stopped, result=ending.text, answered=True)
        if self._denied:
            names = ", ".join(list(self._denied)[:8])
            told = replace(told, attention=Reason.PERMISSION_DENIED, detail=names)
        return replace(told, result=ending.text)

    def _without_result(self, exit_code: int | None, signal: int | None) -> Outcome:
        if signal is None:
            signal = _CAUGHT.get(exit_code or 0)
        bad = verdict(exit_code, signal, self._stderr.tail.last_line)
        if bad is None:
            return replace(self._told, attention=Reason.NO_RESULT, result=self._tail.text or None)
        reason, detail = bad
        said = self._stderr.tail.text
        if reason is Reason.EXIT_CODE and worded_reason(said) in (Reason.CLI_AUTH, Reason.CLI_BILLING):
            reason, detail = worded_reason(said) or reason, said[-500:]
        return replace(self._told, state="failed", reason=reason, detail=detail, **_session_trouble(said))

    @property
    def _told(self) -> Outcome:
        """What the CLI told up to now, as a success."""
        return Outcome(
            state="succeeded",
            cost_usd=self._accounts.cost_usd,
            earlier_usd=self._accounts.earlier_usd,
            cli_cost_usd=self._accounts.reported_usd,
            tokens=self._accounts.tokens if self._ending else self._messages.tokens,
            cli_session_id=self._session_id,
        )


def _is_dense(data: bytes) -> bool:
    return len(data) > MOST_NODES and data.count(b"{") + data.count(b"[") > MOST_NODES


def _after_space(text: str, start: int) -> int:
    """Return where the next word begins; slicing the rest off instead would copy it for each object."""
    found = _WORD.search(text, start)
    return found.start() if found else len(text)


def _session_trouble(said: str) -> dict[str, Any]:
    """Return the fields of an Outcome that tell of a session that cannot be gone on with, or begun."""
    if "No conversation found with session ID" in said:
        return {"resume_failed": True, "cli_session_id": None}
    return {"session_in_use": "Session ID" in said and "already in use" in said}
