"""Records to a real socket that stands for syslog."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gunicorn import syslog
from gunicorn.config import endpoints

DEADLINE = 10.0


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("gunicorn.error", level, __file__, 1, text, None, None)
    made.process = 7
    return made


class Daemon:
    """One end of syslog: a socket of the kind a handler sends to."""

    def __init__(self, kind: str, tmp_path: Path) -> None:
        self.kind = kind
        is_stream = kind in ("tcp", "stream")
        family = socket.AF_INET if kind in ("tcp", "udp") else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE)
        self.path = tmp_path / "log"
        if family == socket.AF_INET:
            self.socket.bind(("127.0.0.1", 0))
            self.address = f"{kind}://127.0.0.1:{self.socket.getsockname()[1]}"
        else:
            self.socket.bind(str(self.path))
            self.address = f"unix://{self.path}"
        if is_stream:
            self.socket.listen()
        self.is_stream = is_stream
        self.connection: socket.socket | None = None
        self.unread = b""

    def accept(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = self.socket.accept()[0]
        self.connection.settimeout(DEADLINE)

    def take(self) -> bytes:
        """Give the next message, waiting for it."""
        if not self.is_stream:
            return self.socket.recv(65536)
        if self.connection is None:
            self.accept()
        assert self.connection is not None
        end = b"\n" if self.kind == "tcp" else b"\0"
        while end not in self.unread:
            self.unread += self.connection.recv(65536)
        message, _, self.unread = self.unread.partition(end)
        return message

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.socket.close()
        self.path.unlink(missing_ok=True)


def make_handler(address: str, facility: str = "user") -> syslog.SyslogHandler:
    handler = syslog.SyslogHandler(address, facility, "gunicorn.shop.error")
    handler.setFormatter(logging.Formatter("[%(process)d] %(message)s"))
    return handler


@pytest.fixture(params=["udp", "tcp", "dgram", "stream"])
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(request.param, tmp_path)
    yield made
    made.close()


def test_message_has_priority_tag_and_text(daemon: Daemon) -> None:
    handler = make_handler(daemon.address, "local3")
    handler.handle(record("Using worker: sync"))
    handler.handle(record("again"))
    # local3 is 19, info is 6
    assert daemon.take() == b"<158>gunicorn.shop.error: [7] Using worker: sync"
    assert daemon.take() == b"<158>gunicorn.shop.error: [7] again"
    handler.close()


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (logging.DEBUG, 7),
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 2),
        (logging.INFO + 1, 6),
    ],
)
def test_level_becomes_severity(tmp_path: Path, level: int, severity: int) -> None:
    daemon = Daemon("udp", tmp_path)
    handler = make_handler(daemon.address, "kern")
    handler.handle(record("x", level))
    assert daemon.take().startswith(b"<%d>" % severity)
    handler.close()
    daemon.close()


def test_traceback_is_one_message(daemon: Daemon) -> None:
    handler = make_handler(daemon.address)
    handler.handle(record("one\ntwo"))
    handler.handle(record("three"))
    message = daemon.take()
    assert message.endswith(b"one#012two" if daemon.is_stream else b"one\ntwo")
    assert daemon.take().endswith(b"three")
    handler.close()


def test_message_is_text_of_bounded_length(daemon: Daemon) -> None:
    handler = make_handler(daemon.address)
    handler.handle(record("\udcff" + "x" * 100_000))
    message = daemon.take()
    assert rb"\udcff" in message
    assert syslog.LIMIT < len(message) < syslog.LIMIT + 100
    handler.close()


def test_syslog_that_is_restarted_gets_the_next_line(tmp_path: Path) -> None:
    first = Daemon("dgram", tmp_path)
    handler = make_handler(first.address)
    handler.handle(record("before"))
    assert first.take().endswith(b"before")
    first.close()
    second = Daemon("dgram", tmp_path)
    handler.handle(record("after"))
    assert second.take().endswith(b"after")
    handler.close()
    second.close()


def test_absent_syslog_is_tried_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(syslog.clock, "monotonic", lambda: now)
    handler = make_handler(f"unix://{tmp_path}/log")
    handler.handle(record("lost"))
    daemon = Daemon("dgram", tmp_path)
    handler.handle(record("lost too"))
    now += syslog.PAUSE
    handler.handle(record("seen"))
    assert daemon.take().endswith(b"seen")
    handler.close()
    daemon.close()


def test_full_queue_costs_lines_and_little_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "PATIENCE", 0.01)
    daemon = Daemon("dgram", tmp_path)
    handler = make_handler(daemon.address)
    # Nobody reads: more than any queue of the kernel holds.
    for number in range(5000):
        handler.handle(record(str(number)))
    assert daemon.take().endswith(b"] 0")
    handler.close()
    daemon.close()


def test_each_process_has_its_own_stream(tmp_path: Path) -> None:
    daemon = Daemon("tcp", tmp_path)
    handler = make_handler(daemon.address)
    handler.handle(record("parent"))
    assert daemon.take().endswith(b"parent")
    pid = os.fork()
    if pid == 0:
        handler.handle(record("child"))
        os._exit(0)
    daemon.accept()
    assert daemon.take().endswith(b"child")
    assert os.waitpid(pid, 0)[1] == 0
    handler.close()
    daemon.close()


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("udp://log.example:99", ("udp", ("log.example", 99))),
        ("udp://log.example", ("udp", ("log.example", 514))),
        ("tcp://:99", ("tcp", ("localhost", 99))),
        ("udp://", ("udp", ("localhost", 514))),
        ("tcp://[::1]:99", ("tcp", ("::1", 99))),
        ("unix:///dev/log", ("unix", "/dev/log")),
        ("unix:///dev/log#dgram", ("dgram", "/dev/log")),
        ("unix:///dev/log#stream", ("stream", "/dev/log")),
    ],
)
def test_addresses(text: str, endpoint: object) -> None:
    assert endpoints.parse_syslog(text) == endpoint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("localhost:514", "invalid syslog address"),
        ("unix://", "invalid syslog address"),
        ("unix:///dev/log#x", "invalid syslog address"),
        ("udp://h:xx", "'xx' is not a valid port number."),
        ("tcp://fd://3", "is no host and port"),
    ],
)
def test_wrong_addresses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        endpoints.parse_syslog(text)
