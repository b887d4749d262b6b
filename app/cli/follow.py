"""Show one Task until it ends; Ctrl-C asks whether the Task ends too."""

import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from app.cli.client import Client
from app.cli.errors import DETACHED, OUTCOMES, Refused
from app.cli.stream import Back, Lost, Message, Stream

#: Messages read ahead; more stay with the server, which is what makes it wait for a slow terminal.
_AHEAD = 32


class View(Protocol):
    """Where what is followed is shown."""

    def message(self, message: Message) -> None:
        """Show a message of the stream, but not its end."""

    def end(self, task: dict[str, Any]) -> None:
        """Show how the Task ended."""

    def aside(self, text: str) -> None:
        """Show something that is not the Task's, where it does not mix with it."""


@dataclass(frozen=True)
class _Over:
    """Nothing more comes from the stream; `error` says why not if it did not end well."""

    error: BaseException | None = None


_Item = Message | Lost | Back | _Over | None


def follow(
    client: Client, task_id: str, view: View, *, ask: Callable[[], bool] | None, after: int = 0
) -> int:
    """Return the exit status. `ask` asks on Ctrl-C whether to stop the Task; without it Ctrl-C detaches."""
    return _Follower(client, task_id, view, ask).run(Stream(client.server, task_id, after=after))


class _Follower:
    """The thread that called reads a queue, which a second one fills from the stream and Ctrl-C wakes."""

    def __init__(self, client: Client, task_id: str, view: View, ask: Callable[[], bool] | None) -> None:
        self._client = client
        self._task_id = task_id
        self._view = view
        self._ask = ask
        # A SimpleQueue may be put to from a signal's handler; its bound is the semaphore's.
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._task: dict[str, Any] | None = None
        self._stopping = False

    def run(self, stream: Stream) -> int:
        reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        with _Interrupts(lambda: self._items.put(None)) as interrupts:
            reader.start()
            try:
                return self._show(interrupts)
            except KeyboardInterrupt:  # asked again while the first time was not yet noticed
                return self._detach()
            finally:
                stream.close()

    def _read(self, stream: Stream) -> None:
        try:
            for item in stream:
                self._room.acquire()
                self._items.put(item)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that shows
            self._items.put(_Over(error))
        else:
            self._items.put(_Over())

    def _show(self, interrupts: "_Interrupts") -> int:
        while True:
            item = self._items.get()
            if interrupts.take() and not self._goes_on(interrupts):
                return self._detach()
            match item:
                case None:
                    continue
                case _Over(error):
                    raise error or AssertionError("the stream has an end")
                case Lost(why):
                    self._view.aside(f"The connection is lost ({why}); trying again ...")
                case Back():
                    self._view.aside("Connected again; nothing was missed.")
                case {"type": "end"}:
                    return self._end(str(item["state"]))
                case _:
                    self._take(item)
            self._room.release()

    def _take(self, message: Message) -> None:
        if message["type"] == "task":
            self._task = message["task"]
        self._view.message(message)

    def _end(self, state: str) -> int:
        task = self._task
        if task is None or task["state"] != state:
            task = self._client.task(self._task_id)
        self._view.end(task)
        return OUTCOMES.get(state, DETACHED)

    def _goes_on(self, interrupts: "_Interrupts") -> bool:
        """Ask what Ctrl-C meant; whether there is more to show."""
        if self._ask is None or self._stopping:
            return False
        self._view.aside("")
        try:
            with interrupts.as_usual():
                stop = self._ask()
        except (KeyboardInterrupt, EOFError):
            return False
        if not stop:
            return False
        self._stopping = True
        try:
            self._client.cancel(self._task_id)
        except Refused as error:  # it has ended meanwhile: then its end is on its way
            self._view.aside(error.message)
        return True

    def _detach(self) -> int:
        self._view.aside(
            f"Detached; the task goes on. Follow it: errand logs {self._task_id} --follow   "
            f"Stop it: errand cancel {self._task_id}"
        )
        return DETACHED


class _Interrupts:
    """Ctrl-C as a flag and a call, not an exception in the middle of a line; twice unnoticed, it is one."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pending = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        # Who started us without Ctrl-C, a script's background job say, means it.
        if self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def take(self) -> bool:
        """Tell whether Ctrl-C was pressed since the last time."""
        pending, self._pending = self._pending, False
        return pending

    def as_usual(self) -> "_Usual":
        """Let Ctrl-C raise KeyboardInterrupt for a while."""
        return _Usual()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._pending:
            signal.default_int_handler(number, frame)
        self._pending = True
        self._wake()


class _Usual:
    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def ask_at_terminal(question: Callable[[str], str]) -> bool:
    """Ask until the answer is c or d; True stops the Task."""
    while True:
        answer = question("Cancel the task, or detach and let it go on? [c/d] ").strip().lower()[:1]
        if answer in {"c", "d"}:
            return answer == "c"
