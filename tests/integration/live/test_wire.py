"""The Wire on real sockets: whole frames for slow readers, an end for those who stopped reading."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from app.live.viewer import Gone, Stuck
from app.live.wire import Wire
from tests.waiting import wait_until

_MB = 1024 * 1024


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connected pair over loopback TCP, with a small receive buffer on the client's side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    client.settimeout(10)
    with client, server:
        yield server, client


def _exactly(client: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = client.recv(min(size, 32768))
        assert part, "the stream ended in the middle of a frame"
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_frame(client: socket.socket) -> tuple[int, bytes]:
    """Return (opcode, data) of the next frame."""
    opcode, size = _exactly(client, 2)
    if size == 126:
        (size,) = struct.unpack("!H", _exactly(client, 2))
    elif size == 127:
        (size,) = struct.unpack("!Q", _exactly(client, 8))
    return opcode & 0x0F, _exactly(client, size)


def test_large_messages_reach_a_slow_reader_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    """Eight messages of 1 MB, pongs in between, read slowly: every frame is intact and in order."""
    server, client = pair
    wire = Wire(server)
    messages = [os.urandom(_MB // 2).hex().encode() for _ in range(8)]

    def write() -> None:
        for message in messages:
            wire.send(message)

    writer = threading.Thread(target=write)
    writer.start()
    got: list[bytes] = []
    while len(got) < len(messages):
        wire.ears.send(b"\x8a\x04pong")
        opcode, data = read_frame(client)
        assert opcode in {0x1, 0xA}
        if opcode == 0x1:
            got.append(data)
    writer.join(10)

    assert got == messages


def test_an_offer_never_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    """What the kernel doesn't take is kept; the next offer is refused until it was flushed."""
    server, client = pair
    wire = Wire(server)
    began = time.monotonic()
    while wire.offer(b"x" * _MB):
        assert time.monotonic() - began < 5
    assert wire.pending

    reader = threading.Thread(target=lambda: [client.recv(65536) for _ in range(2000) if wire.pending])
    reader.start()
    wire.flush()
    reader.join(10)
    assert not wire.pending


def test_a_reader_that_takes_nothing_is_stuck(pair: tuple[socket.socket, socket.socket]) -> None:
    """After the stall time `send` gives up, and so does the goodbye after its own."""
    server, _client = pair
    wire = Wire(server, stall=0.3, linger=0.5)
    began = time.monotonic()

    with pytest.raises(Stuck):
        wire.send(b"x" * 16 * _MB)
    wire.finish(4408, "stuck")

    assert 0.3 <= time.monotonic() - began < 10


def test_a_stuck_reader_that_wakes_up_learns_why(pair: tuple[socket.socket, socket.socket]) -> None:
    """The frame it was in is completed, then comes the close with its code."""
    server, client = pair
    wire = Wire(server, stall=0.3, linger=10)
    with pytest.raises(Stuck):
        wire.send(b"x" * 16 * _MB)
    goodbye = threading.Thread(target=lambda: wire.finish(4408, "stuck"))
    goodbye.start()

    assert read_frame(client) == (0x1, b"x" * 16 * _MB)
    opcode, data = read_frame(client)

    assert (opcode, struct.unpack("!H", data[:2])[0]) == (0x8, 4408)
    client.close()
    goodbye.join(5)


def test_a_slow_reader_is_not_stuck(pair: tuple[socket.socket, socket.socket]) -> None:
    """Who takes a little now and then is waited for, however long it takes in all."""
    server, client = pair
    wire = Wire(server, stall=0.6)
    done = threading.Event()

    def write() -> None:
        wire.send(b"x" * 2 * _MB)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    began, read = time.monotonic(), 0
    while not done.is_set():
        read += len(client.recv(65536))
        done.wait(0.05)

    assert time.monotonic() - began > 0.6


def test_a_peer_that_is_gone_ends_the_sending(pair: tuple[socket.socket, socket.socket]) -> None:
    """A broken connection is Gone, in `send` as in `offer`."""
    server, client = pair
    wire = Wire(server)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

    with pytest.raises(Gone):
        wire.send(b"x" * 4 * _MB)
    wire._frames.clear()
    with pytest.raises(Gone):
        wire.offer(b"x")


def test_abort_frees_a_blocked_writer(pair: tuple[socket.socket, socket.socket]) -> None:
    """On shutdown nobody waits for a reader that doesn't read."""
    server, _client = pair
    wire = Wire(server)
    ended = threading.Event()

    def write() -> None:
        with pytest.raises(Gone):
            wire.send(b"x" * 16 * _MB)
        ended.set()

    threading.Thread(target=write, daemon=True).start()
    wait_until(lambda: wire.pending)
    wire.abort()

    assert ended.wait(3)


def test_pings_without_reading_fill_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    """A peer that sends pings and never reads makes no more than a few pongs wait."""
    server, _client = pair
    wire = Wire(server)
    while wire.offer(b"x" * _MB):
        pass

    for _ in range(10_000):
        wire.ears.send(b"\x8a\x00")

    assert len(wire._frames) < 20
