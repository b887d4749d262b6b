"""Find processes by their mark and end them: for trees that lost their supervisor."""

import contextlib
import time
from collections.abc import Callable, Iterator

import psutil

from app.process.mark import MARK_VARIABLE, is_marked

#: Seconds after which a process that does not die of SIGKILL is left to the kernel.
_PATIENCE = 5.0


def sweep(prefix: str) -> int:
    """End every process of this installation whose supervisor is gone; return how many."""
    return _end(lambda: _orphaned(prefix))


def end_marked(mark: str) -> int:
    """End every process with exactly this mark, its supervisor too, and all below them; return how many."""
    return _end(lambda: _with_descendants([process for process, found in _marked() if found == mark]))


def _marked() -> Iterator[tuple[psutil.Process, str]]:
    """Yield each process that bears a mark; never this one or one it descends from."""
    me = psutil.Process()
    spared = {me.pid, *(process.pid for process in me.parents())}
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK_VARIABLE)
        except psutil.Error:  # ended, a zombie, or another user's
            continue
        if mark and process.pid not in spared:
            yield process, mark


def _orphaned(prefix: str) -> list[psutil.Process]:
    """Return the processes whose mark has the prefix and no supervisor that does its work."""
    marked = [(process, mark) for process, mark in _marked() if is_marked(mark, prefix)]
    served = {mark for process, mark in marked if _is_serving(process, mark)}
    return _with_descendants([process for process, mark in marked if mark not in served])


def _is_serving(process: psutil.Process, mark: str) -> bool:
    """Tell whether this is the mark's supervisor and can act: one that runs ends its tree by itself."""
    try:
        if f"--mark={mark}" not in process.cmdline()[:9]:
            return False
        stopped = process.status() == psutil.STATUS_STOPPED
        return not stopped or f"--parent={process.ppid()}" in process.cmdline()[:9]
    except psutil.Error:
        return False


def _with_descendants(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = {process.pid: process for process in processes}
    for process in processes:
        try:
            found |= {child.pid: child for child in process.children(recursive=True)}
        except psutil.Error:
            continue
    return list(found.values())


def _end(find: Callable[[], list[psutil.Process]]) -> int:
    """Stop what is found until nothing new is (a fork must not outrun us), then kill; again until none."""
    stopped: set[psutil.Process] = set()
    deadline = time.monotonic() + _PATIENCE
    while (found := set(find())) and time.monotonic() < deadline:
        fresh = found - stopped
        for process in fresh:
            _try(process.suspend)
        stopped |= fresh
        if not fresh:
            for process in found:
                _try(process.kill)
            time.sleep(0.005)  # it takes the kernel a moment
    return len(stopped)


def _try(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):
        action()
