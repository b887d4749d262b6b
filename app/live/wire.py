"""The Wire: a connected socket that sends whole WebSocket frames, and notices a peer that stopped reading.

simple-websocket hands a frame to `sock.send()` and ignores how much of it was taken, which tears frames
apart when a reader is slow; so it is given this in the socket's place. Frames are queued whole and sent
by whoever can, in order; only the Viewer's own thread waits.
"""

import fcntl
import math
import selectors
import socket
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from app.live.viewer import Gone, Stuck

#: Seconds without the peer taking a byte after which it is given up.
STALL = 10.0
#: Seconds a peer that was given up gets to take the rest, and so to learn why.
LINGER = 20.0
#: Seconds to wait for the peer to answer a close.
_GOODBYE = 1.0
#: Bytes the kernel may hold for one peer.
_KERNEL_BUFFER = 256 * 1024
#: Frames of simple-websocket (pongs, a close) that may wait; one who pings and never reads would make more.
_CONTROL_FRAMES = 16

_TEXT, _CLOSE = 0x81, 0x88
_CONTROL_SIZE = 125


def frame(opcode: int, data: bytes) -> bytes:
    """Return one unmasked, final WebSocket frame, as servers send them."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", opcode, size) + data
    if size < 1 << 16:
        return struct.pack("!BBH", opcode, 126, size) + data
    return struct.pack("!BBQ", opcode, 127, size) + data


def close_frame(code: int, reason: str) -> bytes:
    """Return a WebSocket close frame; the reason is cut to what fits."""
    short = reason.encode()[: _CONTROL_SIZE - 2].decode(errors="ignore")
    return frame(_CLOSE, struct.pack("!H", code) + short.encode())


def _nothing() -> None:
    pass


class Wire:
    """The Transport of a Viewer over one server-side socket; `ears` is what simple-websocket gets."""

    def __init__(self, sock: Any, *, stall: float = STALL, linger: float = LINGER) -> None:
        self._sock = sock
        # gevent's send() waits for room; the socket inside it, like a plain one, doesn't with MSG_DONTWAIT.
        self._raw: socket.socket = getattr(sock, "_sock", sock)
        self._stall = stall
        self._linger = linger
        self._frames: deque[memoryview] = deque()
        self._sending = threading.Lock()
        self._finishing = False
        self._left = threading.Event()
        self.ears = Ears(self, sock)
        #: Called when there is something for the Viewer's thread: bytes wait, or the peer left.
        self.on_pending: Callable[[], None] = _nothing
        self.on_left: Callable[[], None] = _nothing
        #: Called when a peer that had to be waited for took bytes.
        self.on_progress: Callable[[], None] = _nothing
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)

    @property
    def pending(self) -> bool:
        """Whether bytes wait for a `flush`."""
        return bool(self._frames)

    def send(self, message: bytes) -> None:
        """Send a text message, waiting as long as the peer takes bytes; raises Stuck and Gone."""
        self._frames.append(memoryview(frame(_TEXT, message)))
        self.flush()

    def offer(self, message: bytes) -> bool:
        """Send what goes without waiting, keep the rest; False: not now, nothing was taken. Raises Gone."""
        if self._frames or not self._sending.acquire(blocking=False):
            return False
        try:
            self._frames.append(memoryview(frame(_TEXT, message)))
            self._drain_now()
        except OSError as error:
            raise Gone from error
        finally:
            self._sending.release()
        return True

    def flush(self) -> None:
        """Send what waits; raises Stuck and Gone."""
        try:
            with self._sending:
                drained = self._drain(self._stall)
        except OSError as error:
            raise Gone from error
        if not drained:
            raise Stuck

    def control(self, data: bytes) -> None:
        """Queue a pong or close of simple-websocket without waiting; too many are dropped."""
        if self._finishing or len(self._frames) >= _CONTROL_FRAMES:
            return
        self._frames.append(memoryview(data))
        if self._sending.acquire(blocking=False):
            try:
                self._drain_now()
            finally:
                self._sending.release()
        if self._frames:
            self.on_pending()

    def leave(self) -> None:
        """Note that simple-websocket reads no more: the peer said goodbye, broke the rules, or is gone."""
        self._left.set()
        self.on_left()

    def finish(self, code: int, reason: str) -> None:
        """Send what waits and a close; wait a bounded time for the peer to take it, then shut down."""
        self._finishing = True
        if not self._left.is_set():
            self._frames.append(memoryview(close_frame(code, reason)))
        with suppress(OSError):
            with self._sending:
                drained = self._drain(self._linger, for_all=self._linger)
            if drained and self._left.wait(_GOODBYE):
                self._hear_out()
        self.abort()

    def abort(self) -> None:
        """Shut down now; whoever waits on the socket finds out."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _drain_now(self) -> bool:
        """Send what the kernel takes; return whether that was all. With the lock held."""
        while self._frames:
            head = self._frames[0]
            try:
                taken = self._raw.send(head, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            if taken == len(head):
                self._frames.popleft()
            else:
                self._frames[0] = head[taken:]
        return True

    def _drain(self, patience: float, *, for_all: float = math.inf) -> bool:
        """Send all; False when nothing was taken for `patience` seconds, or it took longer than `for_all`."""
        deadline = time.monotonic() + for_all
        while not self._drain_now():
            if not self._room(min(patience, deadline - time.monotonic())):
                return False
            self.on_progress()
        return True

    def _room(self, patience: float) -> bool:
        """Wait until the kernel takes more; False when the peer took nothing for `patience` seconds."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_WRITE)
            held, since = self._held(), time.monotonic()
            while (left := since + patience - time.monotonic()) > 0:
                if selector.select(min(left, 1.0)):
                    return True
                # The kernel says "writable" only when a good part of its buffer is free again: a slow
                # reader is told from a stuck one by what it still holds.
                if (now_held := self._held()) != held:
                    held, since = now_held, time.monotonic()
            return False

    def _held(self) -> int:
        """Return how many bytes the kernel has that the peer has not taken; 0 where it can't be asked."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0])
        except OSError:
            return 0

    def _hear_out(self) -> None:
        """Read on to the peer's end: closing with unread bytes would take our last words from it."""
        self._sock.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _GOODBYE
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                if not self._raw.recv(65536, socket.MSG_DONTWAIT):
                    break


class Ears:
    """What simple-websocket takes for a socket: it reads from it, and its own frames go through the Wire."""

    def __init__(self, wire: Wire, sock: Any) -> None:
        self._wire = wire
        self._sock = sock

    def fileno(self) -> int:
        """Return the file descriptor."""
        return int(self._sock.fileno())

    def recv(self, size: int) -> bytes:
        """Return what the peer sent."""
        return bytes(self._sock.recv(size))

    def send(self, data: bytes) -> int:
        """Queue a whole frame."""
        self._wire.control(data)
        return len(data)

    def close(self) -> None:
        """End reading; the socket itself is closed by the server once the Viewer has finished."""
        self._wire.leave()
