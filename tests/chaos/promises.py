"""The promises, judged by the evidence: each gives a figure, its limit, and what speaks against it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from time import monotonic, time

from tests.chaos.evidence import Evidence, Told
from tests.chaos.recordings import gaps, overlaps
from tests.chaos.viewers import digest

FINAL = {"completed", "failed", "cancelled"}
#: Seconds: a Lease of 30, two sweeps, and what a busy machine takes.
LONGEST_RUNNING = 60.0
LONGEST_GONE = 2.0
LONGEST_AGAIN = 60.0
#: Seconds between this machine's two clocks as we read them.
CLOCKS_APART = 0.2
#: Our own events are words joined by underscores; Celery, beat and gunicorn write sentences.
_OWN_EVENT = re.compile(r"[\w-]+: [a-z0-9_]+( \(.*\))?")
#: What they raise where their Redis or their process was taken away from them.
_TAKEN_AWAY = frozenset(
    {
        "BusyLoadingError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "BrokenPipeError",
        "ExecAbortError",
        # Of a pool of connections that has none left to give back, where it could not make another.
        "IndexError",
        "OperationalError",
        "OutOfMemoryError",
        "ReadOnlyError",
        "RecoverableConnectionError",
        "ResponseError",
        "RestartFreqExceeded",
        "SchedulingError",
        "TimeoutError",
        "WorkerShutdown",
    }
)


@dataclass(frozen=True)
class Promise:
    """One line of the table."""

    name: str
    figure: str
    limit: str
    #: What broke it; none where it was kept.
    against: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


def judge(evidence: Evidence) -> list[Promise]:
    """Return all promises in the order of the table."""
    return [judged(evidence) for judged in _JUDGES]


def _counted(name: str, against: Iterator[str], limit: str = "0") -> Promise:
    found = list(against)
    return Promise(name, str(len(found)), limit, found)


def _no_overlap(e: Evidence) -> Promise:
    found = [overlap for trees in e.trees.values() for overlap in overlaps(trees)]
    closest = min((gap for trees in e.trees.values() for gap in gaps(trees)), default=None)
    figure = str(len(found)) + (f" (closest {closest:.3f} s)" if closest is not None else "")
    return Promise("overlapping process trees of one task", figure, "0", [str(overlap) for overlap in found])


def _no_second_start(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, trees in e.trees.items():
            known = e.told[task_id].attempts if task_id in e.told else {}
            numbers = [tree.attempt for tree in trees]
            yield from (f"{task_id}: attempt {n} started twice" for n in set(numbers) if numbers.count(n) > 1)
            yield from (f"{task_id}: attempt {n} is unknown" for n in set(numbers) - set(known))
            if numbers != sorted(numbers):
                yield f"{task_id}: attempts started out of order: {numbers}"

    return _counted("second starts of one attempt", against())


def _one_success(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, told in e.told.items():
            succeeded = sum(a["state"] == "succeeded" for a in told.attempts.values())
            if told.task["state"] == "completed" and succeeded == 0:
                yield f"{task_id}: completed without a success"
            if succeeded > 1 + e.retried.get(task_id, 0):
                yield f"{task_id}: {succeeded} successes"
            yield from _started_after_end(e, task_id, told)

    return _counted("completed tasks without exactly one successful attempt", against())


def _started_after_end(e: Evidence, task_id: str, told: Told) -> Iterator[str]:
    if task_id not in e.retried and told.task["finished_at"] and e.trees.get(task_id):
        late = e.trees[task_id][-1].last - _monotonic(told.task["finished_at"])
        if late > 0.5:
            yield f"{task_id}: its tree lived {late:.1f} s after it was {told.task['state']}"


def _nothing_lost(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        if e.settled_after is None:
            yield "not everything was final in the end"
        for task_id, accepted in e.accepted.items():
            state = e.told[task_id].task["state"] if task_id in e.told else "unknown"
            if state not in FINAL:
                yield f"{task_id} (number {accepted.plan.number}): {state}"
        if e.tasks_stored > len(e.accepted):
            yield f"{e.tasks_stored} tasks stored for {len(e.accepted)} accepted"

    return _counted(f"of {len(e.accepted)} accepted tasks lost, doubled or never final", against())


def _not_running_for_long(e: Evidence) -> Promise:
    longest, against = 0.0, []
    for task_id, told in e.told.items():
        for number, attempt in told.attempts.items():
            if attempt["state"] != "lost" or not attempt["finished_at"]:
                continue
            alive = [tree.last for tree in e.trees.get(task_id, ()) if tree.attempt == number]
            since = max([_monotonic(attempt["started_at"]), *alive])
            stuck = _monotonic(attempt["finished_at"]) - since
            longest = max(longest, stuck)
            if stuck > LONGEST_RUNNING:
                against.append(
                    f"{task_id}: attempt {number} was running for {stuck:.1f} s with nothing alive"
                )
    return Promise(
        "`running` with nothing alive", f"max {longest:.1f} s", f"{LONGEST_RUNNING:.0f} s", against
    )


def _cancels_obeyed(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, at in e.cancelled.items():
            # Asked for again by hand it may run, before the cancel or after it.
            if task_id in e.retried or task_id not in e.told:
                continue
            for number, attempt in e.told[task_id].attempts.items():
                late = _monotonic(attempt["started_at"]) - at
                if late > CLOCKS_APART:
                    yield f"{task_id}: attempt {number} began {late:.1f} s after the cancel was accepted"

    accepted = sum(at < inf for at in e.cancelled.values())
    return _counted(f"attempts begun after a cancel was accepted ({accepted} cancels)", against())


def _of_others(line: str) -> bool:
    """Whether it is a sentence of Celery's or gunicorn's about what the faults took away from them."""
    if _OWN_EVENT.fullmatch(line) or "traceback" in line:
        return False
    raised = re.search(r"\(([\w, ]+)\)$", line)
    return raised is None or {name.removeprefix("from ") for name in raised[1].split(", ")} <= _TAKEN_AWAY


def _no_errors(e: Evidence) -> Promise:
    own = Counter(line for line in e.errors if not _of_others(line))
    return _counted(
        "errors of our own in the logs", (f"{count} x {line}" for line, count in own.most_common())
    )


def _events_whole(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, told in e.told.items():
            numbers = [event["seq"] for event in told.events]
            if numbers != list(range(1, told.task["last_seq"] + 1)):
                yield f"{task_id}: seq is not 1..{told.task['last_seq']}"
            attempts = [event["attempt"] for event in told.events if event["attempt"]]
            if attempts != sorted(attempts):
                yield f"{task_id}: events of attempts mixed"

    events = sum(len(told.events) for told in e.told.values())
    return _counted(f"of {events} stored events missing, doubled or out of order", against())


def _output_whole(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, told in e.told.items():
            for number, attempt in told.attempts.items():
                yield from (
                    f"{task_id}: attempt {number}: {what}"
                    for what in _torn(e, told, number, attempt["state"])
                )

    lines = sum(len(told.numbers_in_output(n)) for told in e.told.values() for n in told.attempts)
    return _counted(f"attempts with holes or doubles in {lines} numbered lines", against())


def _torn(e: Evidence, told: Told, number: int, state: str) -> Iterator[str]:
    task_id = told.task["id"]
    output, shown = told.numbers_in_output(number), told.numbers_in_events(number)
    plan = e.accepted[task_id].plan if task_id in e.accepted else None
    mains = [tree.main for tree in e.trees.get(task_id, ()) if tree.attempt == number and tree.main]
    printed = max((main.printed for main in mains), default=0)
    if output != list(range(1, len(output) + 1)):
        yield f"output is not contiguous: {_odd(output)}"
    if shown != output:
        yield f"{len(shown)} lines in events, {len(output)} in output"
    if state == "succeeded" and plan and len(output) != plan.lines:
        yield f"succeeded with {len(output)} of {plan.lines} lines"
    # Whoever ended the run was alive to read what was printed; only a lost worker may have left some.
    if state not in {"lost", "running"} and len(output) < printed:
        yield f"{state}, {len(output)} lines stored of {printed} printed"


def _odd(numbers: list[int]) -> str:
    for place, number in enumerate(numbers, 1):
        if number != place:
            return f"{number} in place {place}"
    return "nothing"


def _viewers_whole(e: Evidence) -> Promise:
    def against() -> Iterator[str]:
        for task_id, seen in e.seen.items():
            yield from seen.wrong
            stored = (
                {event["seq"]: digest(event) for event in e.told[task_id].events} if task_id in e.told else {}
            )
            if not seen.ended:
                yield f"{task_id}: the viewer never saw the end"
            elif seen.events != stored:
                yield f"{task_id}: the viewer saw {len(seen.events)} events, {len(stored)} are stored"

    connections = sum(seen.connections for seen in e.seen.values())
    name = f"of {len(e.seen)} viewers ({connections} connections) with a hole, a double or another order"
    return _counted(name, against())


def _gone_in_time(e: Evidence) -> Promise:
    took = [killed.gone_after for killed in e.killed if killed.marks]
    late = [f"{after} s" for after in took if after is None or after > LONGEST_GONE]
    most = max((after for after in took if after is not None), default=0.0)
    name = f"SIGKILL of a worker -> its trees are gone ({len(took)} measured)"
    return Promise(name, f"max {most:.2f} s", f"{LONGEST_GONE:.0f} s", late)


def _again_in_time(e: Evidence) -> Promise:
    took = sorted(_again(e))
    p50, p99 = (took[int(share * (len(took) - 1))] if took else 0.0 for share in (0.5, 0.99))
    late = [f"{seconds:.1f} s" for seconds in took if seconds > LONGEST_AGAIN]
    name = f"worker SIGKILL -> the next attempt starts ({len(took)} measured)"
    figure = f"p50 {p50:.1f} s, p99 {p99:.1f} s"
    return Promise(name, figure, f"p99 {LONGEST_AGAIN:.0f} s", late if p99 > LONGEST_AGAIN else [])


def _again(e: Evidence) -> Iterator[float]:
    for killed in e.killed:
        # Others that carry a mark are no Task's: a CLI that was just asked for its version.
        for _, task_id, attempt, _ in (mark.split(":") for mark in killed.marks if mark.count(":") == 3):
            if task_id in e.retried or task_id in e.cancelled:
                continue  # it waited for a person
            later = [tree.first for tree in e.trees.get(task_id, ()) if tree.attempt > int(attempt)]
            lost = e.told[task_id].attempts.get(int(attempt), {}).get("state") if task_id in e.told else ""
            if later and lost == "lost":
                yield min(later) - killed.at


def _nothing_left(e: Evidence) -> Promise:
    return _counted("processes of any CLI's tree alive in the end", iter(e.left))


def _workers_stay(e: Evidence) -> Promise:
    own = [x for x in e.exits if x.asked is None]
    return _counted("exits of processes nobody asked to end", (f"{x.service}: status {x.code}" for x in own))


def _workers_go(e: Evidence) -> Promise:
    ready = [x for x in e.exits if x.ready and x.service.startswith("worker")]
    asked = [x for x in ready if x.asked in {"term", "term twice", "quit", "stop"}]
    bad = [f"{x.service}: status {x.code} after {x.took:.1f} s" for x in asked if x.code != 0]
    most = max((x.took for x in asked), default=0.0)
    name = f"SIGTERM (once, twice) or SIGQUIT of a worker -> exit 0 ({len(asked)} measured)"
    return Promise(name, f"max {most:.1f} s, {len(bad)} others", "0 others", bad)


def _no_surprise(e: Evidence) -> Promise:
    return _counted("answers to a user that were neither yes nor try later", iter(e.surprises))


def _monotonic(stamp: str) -> float:
    """Return where a time of this machine's wall clock is on its monotonic one."""
    return datetime.fromisoformat(stamp).timestamp() - time() + monotonic()


_JUDGES: tuple[Callable[[Evidence], Promise], ...] = (
    _no_overlap,
    _no_second_start,
    _one_success,
    _nothing_lost,
    _not_running_for_long,
    _cancels_obeyed,
    _events_whole,
    _output_whole,
    _viewers_whole,
    _gone_in_time,
    _again_in_time,
    _nothing_left,
    _workers_stay,
    _workers_go,
    _no_surprise,
    _no_errors,
)
