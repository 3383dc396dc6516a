"""Bodies and answers that wait, without a socket."""

from __future__ import annotations

import os
import tempfile

import pytest

from gunicorn.workers import spool
from gunicorn.workers.spool import Held, Outbox, Spool


class Peer:
    """Takes as much as it is told to, and remembers it."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.room = room
        self.got = b""

    def send(self, data) -> int | None:
        taken = min(self.room, len(data))
        if not taken and data:
            return None
        self.room -= taken
        self.got += bytes(data[:taken])
        return taken

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        return self.send(os.pread(fd, min(count, 1000), offset))


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    monkeypatch.setattr(spool, "BODY_MEMORY", 100)
    monkeypatch.setattr(spool, "OUTBOX_MEMORY", 100)
    monkeypatch.setattr(spool, "WORKER_MEMORY", 150)
    monkeypatch.setattr(spool, "OUTBOX_FILE", 500)


@pytest.mark.parametrize("size", [0, 1, 100, 101, 1000])
def test_body_reads_back_what_was_written(size, tmp_path):
    body = Spool(str(tmp_path))
    data = bytes(range(256)) * 4
    for start in range(0, size, 50):
        body.write(data[start : min(start + 50, size)])
    assert body.size == size
    assert (body.file is not None) == (size > 100)
    assert body.reader().read() == data[:size]
    assert not list(tmp_path.iterdir()), "the file has a name"
    body.close()


def test_outbox_gives_everything_in_order_whatever_the_room():
    for step in (1, 7, 99, 1000):
        outbox, peer = Outbox(Held(), None), Peer(0)
        sent = b""
        for number in range(40):
            piece = bytes([number]) * (number + 1)
            outbox.add(piece)
            sent += piece
            peer.room = step if number % 3 == 0 else 0
            outbox.flush(peer.send, peer.send_file)
            assert outbox.size == len(sent) - len(peer.got)
        while outbox.size:
            peer.room = step
            outbox.flush(peer.send, peer.send_file)
        assert peer.got == sent
        outbox.close()


def test_memory_is_bounded_for_each_and_for_all():
    held = Held()
    boxes = [Outbox(held, None) for _ in range(5)]
    for box in boxes:
        for _ in range(30):
            box.add(b"x" * 10)
        assert box.size == 300
        assert held.bytes <= 150
    for box in boxes:
        peer = Peer()
        box.flush(peer.send, None)
        assert peer.got == b"x" * 300
        box.close()
    assert held.bytes == 0


def test_memory_is_given_back_when_the_peer_leaves():
    held = Held()
    outbox = Outbox(held, None)
    outbox.add(b"x" * 90)
    peer = Peer(40)
    outbox.flush(peer.send, None)
    assert held.bytes == 50
    outbox.close()
    assert held.bytes == 0


def test_small_answers_do_not_hold_large_ones_in_memory():
    # a slice of what an application gave would keep all of it alive
    held = Held()
    outbox = Outbox(held, None)
    outbox.add(memoryview(b"x" * 1000)[10:])
    assert held.bytes == 0
    outbox.close()


def test_file_is_sent_after_what_came_before():
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        outbox, peer = Outbox(Held(), None), Peer()
        outbox.add(b"head ")
        outbox.add_file(open(os.dup(file.fileno()), "rb"), 2, 5)  # noqa: SIM115, PTH123
        outbox.add(b" tail")
        outbox.flush(peer.send, peer.send_file)
        assert peer.got == b"head 23456 tail"
        outbox.close()


def test_file_that_becomes_shorter_is_an_error():
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(b"0123456789")
    file.flush()
    outbox = Outbox(Held(), None)
    outbox.add_file(file, 5, 20)
    with pytest.raises(EOFError):
        outbox.flush(Peer().send, Peer().send_file)
    outbox.close()
    assert file.closed
