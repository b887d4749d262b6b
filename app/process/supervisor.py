"""Run one program, own its whole process tree, and end that tree when the starter is gone.

Started as a program of its own (see `app.process.link`), one per tree, so it is small: nothing of ours, and
little of Python's. Orphans of the tree become its children (PR_SET_CHILD_SUBREAPER): daemons stay below it.

Commands come as single bytes on the control socket: T SIGTERM to the tree, t SIGTERM to the main process,
S freeze (SIGSTOP), C thaw, K kill all and exit, and 12.5L: the lease lasts until 12.5 of the monotonic clock
that all processes share. So a renewal that came late because somebody stood still renews nothing.
Lines go back: `started PID`, `failed ERRNO` or `lapsed`, `exit CODE` or `signal N`, `ended`: nothing is left.
Without subreapers and /proc (macOS), signals go to the main process's group; what left that is not reached.
"""

import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import signal
    from collections.abc import Callable, Iterable

    own_environment = os.environb
else:
    # What these two wrap: the wrappers would cost 3 ms of enums and abstract classes at every start.
    import _signal as signal
    import posix as os

    own_environment = os.environ

PR_SET_CHILD_SUBREAPER = 36
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
#: Given back their default action in the program; Python and Celery ignore some.
RESETTABLE = [number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP)]
#: Seconds after which freezing a tree that keeps growing or sits in the kernel counts as done.
FREEZE_PATIENCE = 1.0


class Stat:
    """One process as /proc shows it."""

    __slots__ = ("group", "parent", "state")

    def __init__(self, line: bytes) -> None:
        # The name in parentheses may hold anything, a closing parenthesis too.
        state, parent, group = line.rpartition(b")")[2].split(None, 3)[:3]
        self.state = state
        self.parent = int(parent)
        self.group = int(group)

    @property
    def still(self) -> bool:
        """Stopped, traced to a stop, or dead."""
        return self.state in b"TtZX"


def read_stat(pid: int) -> Stat | None:
    """Return the process as it is now, None when there is no such (any more)."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return Stat(os.read(fd, 4096))
    except OSError:  # it ended between the two calls
        return None
    finally:
        os.close(fd)


def read_processes() -> dict[int, Stat]:
    """Return every process of the machine that can be seen."""
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    found = {number: stat for number in numbers if (stat := read_stat(number))}
    for pid in [pid for pid, stat in found.items() if stat.parent and stat.parent not in found]:
        # Its parent died while we looked, so it has another by now.
        if again := read_stat(pid):
            found[pid] = again
        else:
            del found[pid]
    return found


def below(root: int, processes: dict[int, Stat]) -> dict[int, Stat]:
    """Return the descendants of `root`."""
    children: dict[int, list[int]] = {}
    for pid, stat in processes.items():
        children.setdefault(stat.parent, []).append(pid)
    found: dict[int, Stat] = {}
    todo = [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            if pid not in found:
                found[pid] = processes[pid]
                todo.append(pid)
    return found


def own_children() -> "Iterable[int]":
    """Return the direct children from the kernel's short list: fast enough to catch what forks and exits."""
    me = os.getpid()
    try:
        fd = os.open(f"/proc/{me}/task/{me}/children", os.O_RDONLY)
    except OSError:
        return ()
    try:
        return [int(pid) for pid in os.read(fd, 65536).split(b" ")[:-1]]
    finally:
        os.close(fd)


def adopt_orphans() -> bool:
    """Become the parent of every orphan below; False where the system cannot do that."""
    if sys.platform != "linux" or not os.access("/proc/self/stat", os.R_OK):
        return False
    import _ctypes  # noqa: PLC0415 - only here, and ctypes itself would cost 6 ms

    libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None is this program itself
    done: int = _ctypes.call_function(_ctypes.dlsym(libc, "prctl"), (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
    return done == 0


def reached(send: "Callable[[int, int], None]", target: int, number: int) -> bool:
    """Signal one process or group; False when it is gone or another user's."""
    try:
        send(target, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Tree:
    """The main process and everything it started, however far it ran."""

    def __init__(self, control: int, *, wrapped: bool = False) -> None:
        self.adopts = adopt_orphans()
        self.wrapped = wrapped
        self.control = control
        self.main = 0
        self.main_running = False
        self.changed, wake = os.pipe()
        for fd in (self.changed, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def start(self, argv: list[str], environment: dict[bytes, bytes]) -> bool:
        """Start the main process in a session of its own and tell how that went."""
        try:
            self.main = os.posix_spawn(
                argv[0], argv, environment, setsid=True, setsigmask=(), setsigdef=RESETTABLE
            )
        except OSError as error:
            self.report(f"failed {error.errno}")
            return False
        self.main_running = True
        self.report(f"started {self.main}")
        return True

    def report(self, line: str) -> None:
        """Tell the starter, if there still is one."""
        try:  # noqa: SIM105 - contextlib would cost 3 ms at every start
            os.write(self.control, f"{line}\n".encode())
        except OSError:
            pass

    def reap(self) -> bool:
        """Collect who has ended; False when nobody is left at all."""
        try:  # noqa: SIM105 - as above
            os.read(self.changed, 4096)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main and self.main_running:
                self.main_running = False
                self.report(self.ended_as(status))

    def ended_as(self, status: int) -> str:
        """Return how the main process ended; bubblewrap tells the signal that ended its own as 128 + N."""
        code = os.waitstatus_to_exitcode(status)
        if self.wrapped and 128 < code <= 128 + max(RESETTABLE):
            code = 128 - code
        return f"exit {code}" if code >= 0 else f"signal {-code}"

    def signal_main(self, number: int, send: "Callable[[int, int], None]" = os.kill) -> None:
        """Signal the main process, or its group before all of it is found; not reaped, so no other's pid."""
        if self.main_running:
            reached(send, self.main, number)

    def signal(self, number: int) -> bool:
        """Signal each process once; False when none could be reached."""
        if not self.adopts:
            return reached(os.killpg, self.main, number)
        spared = self.main if self.wrapped and number == signal.SIGTERM else 0
        tree = below(os.getpid(), read_processes()).keys() - {spared}
        return sum(reached(os.kill, pid, number) for pid in tree) > 0

    def signal_hard(self, processes: "Iterable[int]", groups: "Iterable[int]", number: int) -> bool:
        """Signal processes and their groups: what is forked into a group meanwhile does not escape."""
        some = [reached(os.kill, pid, number) for pid in (*own_children(), *processes)]
        some += [reached(os.killpg, group, number) for group in groups if group > 1]
        return any(some)

    def freeze(self) -> None:
        """Stop every process, and those forked meanwhile, until two looks in a row find all still."""
        self.signal_main(signal.SIGSTOP, os.killpg)
        if not self.adopts:
            self.signal(signal.SIGSTOP)
            return
        signalled: set[int] = set()
        before: set[int] | None = None
        deadline = time.monotonic() + FREEZE_PATIENCE
        while time.monotonic() < deadline:
            tree = below(os.getpid(), read_processes())
            awake = {pid: stat for pid, stat in tree.items() if not stat.still}
            # In the kernel (D) with the signal waiting is as good: in vfork until its frozen child goes on.
            settled = all(stat.state == b"D" and pid in signalled for pid, stat in awake.items())
            if settled and before == tree.keys():
                return
            before = set(tree) if settled else None
            self.signal_hard(awake, {stat.group for stat in awake.values()}, signal.SIGSTOP)
            signalled.update(awake)
            time.sleep(0.001)

    def end(self) -> None:
        """Kill until nothing is left, or only what belongs to another user."""
        self.signal_main(signal.SIGKILL, os.killpg)
        if self.reap() or not self.adopts:
            patience = 0.01
            while self.kill_round(patience):
                self.freeze()  # who outran the round forks: stop all first
                patience = min(patience * 2, 1.0)  # and who does not die is stuck in the kernel
        self.report("ended")

    def kill_round(self, patience: float) -> bool:
        """Kill what there is now; False when that was the last round."""
        if self.adopts:
            tree = below(os.getpid(), read_processes())
            some = self.signal_hard(tree, {stat.group for stat in tree.values()}, signal.SIGKILL)
        else:
            some = self.signal(signal.SIGKILL)
        select.select([self.changed], [], [], patience)
        return self.reap() and some


class Supervisor:
    """Obey the starter while it lives; end the tree when it does not."""

    def __init__(self, tree: Tree, *, parent: int, eof_grace: float, until: float) -> None:
        self.tree = tree
        self.eof_grace = eof_grace
        self.lapse: float | None = until or None
        self.digits = ""
        self.lapsed = self.frozen = self.orphaned = self.done = False
        self.grace_end: float | None = None
        self.poll = select.poll()
        self.starter = [tree.control, *watch(parent)]
        for fd in (tree.changed, *self.starter):
            self.poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Serve until the tree is ended."""
        while not self.done:
            ready = {fd for fd, _ in self.poll.poll(self.milliseconds())}
            if self.tree.changed in ready:
                self.tree.reap()
            if self.tree.control in ready:
                self.obey(receive(self.tree.control))
            elif ready.intersection(self.starter):
                self.lose_starter()
            self.check_time()

    def starter_gone(self) -> bool:
        """Tell, before the program is started, whether anybody is left who wants it."""
        return bool(select.select(self.starter, [], [], 0)[0])

    def milliseconds(self) -> float | None:
        """Return how long nothing needs to be done unless something happens."""
        times = [at for at in (self.grace_end, self.lapse) if at is not None]
        return max(0.0, min(times) - time.monotonic()) * 1000 if times else None

    def obey(self, commands: bytes) -> None:
        """Carry out each command; none means that the starter is gone."""
        if not commands:
            self.lose_starter()
        for command in commands:
            self.obey_one(command)

    def obey_one(self, command: int) -> None:
        """Carry out one command."""
        if command == ord("K"):
            self.tree.end()
            self.done = True
        elif command == ord("T"):
            self.tree.signal(signal.SIGTERM)
        elif command == ord("t"):
            self.tree.signal_main(signal.SIGTERM)
        elif command == ord("S"):
            self.frozen = True
            self.tree.freeze()
        elif command == ord("C"):
            self.frozen = False
            if not self.lapsed:
                self.thaw()
        elif command == ord("L"):
            until, self.digits = float(self.digits), ""
            if until > time.monotonic():
                self.lapse = until
                if self.lapsed and not self.frozen:
                    self.thaw()
        else:
            self.digits += chr(command)

    def thaw(self) -> None:
        """Let the tree go on."""
        self.lapsed = False
        self.tree.signal(signal.SIGCONT)

    def lose_starter(self) -> None:
        """The starter died or let go: end the tree, gently first where that was asked for."""
        if self.orphaned:
            return
        self.orphaned = True
        for fd in self.starter:
            self.poll.unregister(fd)
        if self.eof_grace:
            self.tree.signal_main(signal.SIGTERM)
        self.grace_end = time.monotonic() + self.eof_grace

    def check_time(self) -> None:
        """Freeze a tree whose lease was not renewed; end one whose grace is over."""
        now = time.monotonic()
        if self.lapse is not None and now >= self.lapse:
            self.lapse, self.lapsed = None, True
            self.tree.freeze()
        if self.grace_end is not None and (now >= self.grace_end or not self.tree.main_running):
            self.tree.end()
            self.done = True


def receive(control: int) -> bytes:
    """Return the commands that came, nothing when the other end is closed."""
    try:
        return os.read(control, 64)
    except OSError:  # reset: it died with our lines unread
        return b""


def watch(parent: int) -> list[int]:
    """Return what becomes readable when the starter dies, though a fork of it may keep its socket open."""
    try:
        return [os.pidfd_open(parent)]
    except (OSError, AttributeError):  # gone already, which the socket tells; or an old system
        return []


def let_go() -> None:
    """Hold none of what the program was given: its pipes must end when its own processes do."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    os.chdir("/")


def main(arguments: list[str]) -> None:
    """Run the program after `--` as the `--name=value` options before it say."""
    split = arguments.index("--")
    options = dict(argument[2:].split("=", 1) for argument in arguments[:split])
    control = int(options["control"])
    os.set_inheritable(control, False)
    if "code" in options:
        os.close(int(options["code"]))  # what this program was read from
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    environment = dict(own_environment)
    if "no-lc-ctype" in options:
        environment.pop(b"LC_CTYPE", None)  # Python sets it for itself in the C locale
    if "umask" in options:
        os.umask(int(options["umask"], 8))
    tree = Tree(control, wrapped="wrapped" in options)
    eof_grace, until = (float(options.get(name, 0)) for name in ("eof-grace", "until"))
    supervisor = Supervisor(tree, parent=int(options["parent"]), eof_grace=eof_grace, until=until)
    if until and time.monotonic() >= until:
        tree.report("lapsed")
    elif not supervisor.starter_gone() and tree.start(arguments[split + 1 :], environment):
        let_go()
        supervisor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # noqa: SLF001 - nothing to tidy up, and the starter waits
