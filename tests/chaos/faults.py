"""The faults, each by its name, and what ends it again."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import psutil
import redis

from tests.chaos.plant import Plant
from tests.chaos.schedule import Fault
from tests.chaos.service import Service, alive, mark_of, supervisors
from tests.chaos.stores import Nothing

T = TypeVar("T")


@dataclass(frozen=True)
class Heal:
    """What to do when the fault is over."""

    action: Callable[[], None]
    #: A process was asked to end, and is started again when it has.
    restarts: bool = False


@dataclass(frozen=True)
class Killed:
    """One SIGKILL of a worker."""

    at: float
    #: Of the trees it ran.
    marks: frozenset[str]
    #: Seconds until none of their processes was left; None where some were after `_GONE_PATIENCE`.
    gone_after: float | None


class Crowd(Protocol):
    """Those who use Errand meanwhile, and can be made to misbehave."""

    def duplicates(self, share: float) -> None:
        """Send messages for Tasks that were rung for."""

    def cancels(self, share: float) -> None:
        """Cancel several Tasks, many times each."""

    def retries(self, share: float) -> None:
        """Ask for finished Tasks to run again."""

    def drop_viewers(self, share: float) -> None:
        """Break the connections of those who look."""


_GONE_PATIENCE = 10.0


class Faults:
    """Does them to a plant; process faults in the calling thread, the others beside it."""

    def __init__(self, plant: Plant, crowd: Crowd) -> None:
        self.killed: list[Killed] = []
        self._plant = plant
        self._crowd = crowd
        self._beside = ThreadPoolExecutor(8, thread_name_prefix="fault")

    def close(self) -> None:
        """Wait for what is still going on beside."""
        self._beside.shutdown()

    def do(self, fault: Fault) -> Heal | None:
        """Do it and return what heals it; raises Nothing."""
        kind = fault.target.partition("-")[0]
        action = getattr(self, f"_{kind}_{fault.kind.replace(' ', '_')}")
        heal: Heal | None = action(fault)
        return heal

    # Workers

    def _worker_kill(self, fault: Fault) -> Heal:
        service = self._service(fault)
        below = service.below()
        marks = frozenset(filter(None, map(mark_of, below)))
        at = time.monotonic()
        service.send(signal.SIGKILL, asked="kill")
        self.killed.append(Killed(at, marks, self._gone(below, marks, at)))
        return Heal(service.start, restarts=True)

    def _worker_term(self, fault: Fault) -> Heal:
        service = self._service(fault)
        service.send(signal.SIGTERM, asked="term")
        return Heal(service.start, restarts=True)

    def _worker_term_twice(self, fault: Fault) -> Heal:
        service = self._service(fault)
        service.send(signal.SIGTERM, asked="term twice")
        self._beside.submit(_after, 0.5, lambda: service.send(signal.SIGTERM))
        return Heal(service.start, restarts=True)

    def _worker_quit(self, fault: Fault) -> Heal:
        service = self._service(fault)
        service.send(signal.SIGQUIT, asked="quit")
        return Heal(service.start, restarts=True)

    def _worker_stop(self, fault: Fault) -> Heal:
        return self._stop(fault)

    def _worker_kill_supervisor(self, fault: Fault) -> None:
        _send(self._supervisor(fault), signal.SIGKILL)

    def _worker_stop_supervisor(self, fault: Fault) -> Heal:
        return _stopped(self._supervisor(fault))

    def _worker_kill_cli(self, fault: Fault) -> None:
        _send(self._cli(fault), signal.SIGKILL)

    def _worker_term_cli(self, fault: Fault) -> None:
        _send(self._cli(fault), signal.SIGTERM)

    def _worker_stop_cli(self, fault: Fault) -> Heal:
        return _stopped(self._cli(fault))

    # Control and web

    def _control_kill(self, fault: Fault) -> Heal:
        service = self._service(fault)
        service.send_all(signal.SIGKILL, asked="kill")
        return Heal(service.start, restarts=True)

    _control_away = _control_kill
    _control_term = _worker_term
    _control_stop = _worker_stop
    _web_kill = _control_kill
    _web_term = _worker_term
    _web_stop = _worker_stop

    def _web_kill_one(self, fault: Fault) -> None:
        _send(_chosen(self._service(fault).own(), fault), signal.SIGKILL)

    # Redis

    def _redis_restart(self, _fault: Fault) -> None:
        self._plant.redis.restart()

    def _redis_away(self, _fault: Fault) -> Heal:
        self._plant.redis.stop()
        return Heal(self._plant.redis.start)

    def _redis_flush(self, _fault: Fault) -> None:
        self._plant.redis.flush()

    def _redis_cut(self, _fault: Fault) -> None:
        with redis.Redis.from_url(self._plant.redis.url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    def _redis_pause(self, _fault: Fault) -> Heal:
        self._plant.redis.pause()
        return Heal(self._plant.redis.resume)

    def _redis_full(self, _fault: Fault) -> Heal:
        self._configure("maxmemory", "1")
        return Heal(lambda: self._configure("maxmemory", "0"))

    def _redis_read_only(self, _fault: Fault) -> Heal:
        self._command("REPLICAOF", "127.0.0.1", "1")
        return Heal(lambda: self._command("REPLICAOF", "NO", "ONE"))

    def _configure(self, name: str, value: str) -> None:
        self._command("CONFIG", "SET", name, value)

    def _command(self, *words: str) -> None:
        try:
            with redis.Redis.from_url(self._plant.redis.url) as client:
                client.execute_command(*words)
        except redis.RedisError as error:  # another fault has it
            raise Nothing(str(error)) from None

    # The database

    def _database_away(self, _fault: Fault) -> Heal:
        self._plant.store.away()
        return Heal(self._plant.store.heal)

    def _database_pause(self, _fault: Fault) -> Heal:
        self._plant.store.pause()
        return Heal(self._plant.store.heal)

    def _database_read_only(self, _fault: Fault) -> Heal:
        self._plant.store.read_only()
        return Heal(self._plant.store.heal)

    def _database_cut(self, _fault: Fault) -> None:
        self._plant.store.cut()

    # The crowd

    def _load_duplicates(self, fault: Fault) -> None:
        self._beside.submit(self._crowd.duplicates, fault.share)

    def _load_cancels(self, fault: Fault) -> None:
        self._beside.submit(self._crowd.cancels, fault.share)

    def _load_retries(self, fault: Fault) -> None:
        self._beside.submit(self._crowd.retries, fault.share)

    def _load_drop_viewers(self, fault: Fault) -> None:
        self._beside.submit(self._crowd.drop_viewers, fault.share)

    # What they are done to

    def _service(self, fault: Fault) -> Service:
        service = self._plant.services[fault.target]
        if not service.running:
            raise Nothing(f"{service.name} does not run")
        return service

    def _stop(self, fault: Fault) -> Heal:
        service = self._service(fault)
        service.send_all(signal.SIGSTOP)
        return Heal(lambda: service.send_all(signal.SIGCONT))

    def _supervisor(self, fault: Fault) -> psutil.Process:
        return _chosen(supervisors(self._service(fault).below()), fault)

    def _cli(self, fault: Fault) -> psutil.Process:
        try:
            return _chosen(self._supervisor(fault).children(), fault)
        except psutil.Error:
            raise Nothing("it has just ended") from None

    def _gone(self, below: list[psutil.Process], marks: frozenset[str], since: float) -> float | None:
        """Return how long it took until nothing below was left, nothing with one of the marks either."""
        deadline = since + _GONE_PATIENCE
        while time.monotonic() < deadline:
            while any(map(alive, below)) and time.monotonic() < deadline:
                time.sleep(0.005)
            after = time.monotonic() - since
            below = [process for process in self._plant.trees() if mark_of(process) in marks]
            if not below:
                return after
        return None


def _chosen(some: list[T], fault: Fault) -> T:
    if not some:
        raise Nothing("there is none")
    return some[int(fault.share * len(some))]


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        raise Nothing("it has just ended") from None


def _stopped(process: psutil.Process) -> Heal:
    _send(process, signal.SIGSTOP)

    def go_on() -> None:
        if alive(process):
            process.send_signal(signal.SIGCONT)

    return Heal(go_on)


def _after(seconds: float, action: Callable[[], None]) -> None:
    time.sleep(seconds)
    action()
