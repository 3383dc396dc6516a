"""The contract of ``Worker`` that hooks and plugins rely on (behaviour reference 3.12, 10.4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gunicorn import workers
from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.workers.base import LeaveNow, Worker


class Log:
    """Remembers what was logged, as (level, text)."""

    access_wanted = False

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, level):
        def write(message, *args, **options):
            self.lines.append((level, message % args))

        return write


class Client:
    """Takes what is sent to it, or is gone."""

    def __init__(self, is_gone: bool = False) -> None:
        self.is_gone = is_gone
        self.got = b""

    def send(self, data: bytes) -> int:
        if self.is_gone:
            raise errors.ClientDisconnected("gone")
        self.got += data
        return len(data)


@pytest.fixture
def make():
    made = []

    def make(**settings) -> Worker:
        cfg = Config()
        for name, value in settings.items():
            cfg.set(name, value)
        worker = Worker(7, os.getpid(), [], SimpleNamespace(), 15.0, cfg, Log())
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.tmp.close()


def test_attributes_before_the_fork(make):
    worker = make()
    assert (worker.age, worker.ppid, worker.sockets, worker.timeout) == (7, os.getpid(), [], 15.0)
    assert (worker.booted, worker.aborted, worker.alive, worker.nr) == (False, False, True, 0)
    assert worker.reloader is None
    assert worker.wsgi is None
    worker.pid = 1234
    assert str(worker) == "<Worker 1234>"


def test_max_requests_is_huge_when_unlimited(make):
    assert make().max_requests == sys.maxsize
    assert make(max_requests=10).max_requests == 10
    lives = {make(max_requests=10, max_requests_jitter=5).max_requests for _ in range(200)}
    assert lives == set(range(10, 16))


def test_notify_is_seen_by_the_master(make):
    worker = make()
    before = worker.tmp.last_update()
    worker.notify()
    assert worker.tmp.last_update() >= before


def test_signals_have_their_meaning(make):
    called = []
    worker = make(
        worker_int=lambda w: called.append("int"), worker_abort=lambda w: called.append("abort")
    )
    assert signal.SIGABRT in worker.SIGNALS
    worker.handle_exit(signal.SIGTERM, None)
    assert not worker.alive
    with pytest.raises(SystemExit) as leave:
        worker.handle_quit(signal.SIGQUIT, None)
    assert leave.value.code == 0
    with pytest.raises(LeaveNow) as leave:
        worker.handle_abort(signal.SIGABRT, None)
    assert leave.value.code == 1
    assert worker.aborted
    assert called == ["int", "abort"]


@pytest.mark.parametrize(
    ("error", "status", "level"),
    [
        (errors.InvalidRequestLine("x"), b"400 Bad Request", "warning"),
        (errors.LimitRequestLine(5000, 4094), b"414 URI Too Long", "warning"),
        (errors.LimitRequestHeaders("limit"), b"431 Request Header Fields Too Large", "warning"),
        (errors.UnsupportedTransferCoding("gzip"), b"501 Not Implemented", "warning"),
        (errors.InvalidHTTPVersion("HTTP/2.0", 505), b"505 HTTP Version Not Supported", "warning"),
        (errors.ForbiddenProxyRequest("192.0.2.1"), b"403 Forbidden", "warning"),
        (errors.ScriptNameMismatch("/a", "/b"), b"500 Internal Server Error", "error"),
        (ValueError("secret"), b"500 Internal Server Error", "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_error_is_answered_with_its_status_and_logged(make, error, status, level):
    worker, client = make(), Client()
    worker.handle_error(None, client, ("192.0.2.7", 1234), error)
    assert client.got.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert b"secret" not in client.got
    assert [line[0] for line in worker.log.lines] == [level]
    if level == "warning":
        assert worker.log.lines[0][1] == f"Invalid request from ip=192.0.2.7: {error}"


def test_page_that_cannot_be_sent_is_a_debug_line(make):
    worker = make()
    worker.handle_error(
        None, Client(is_gone=True), ("192.0.2.7", 1), errors.InvalidRequestLine("x")
    )
    assert worker.log.lines[-1] == ("debug", "Failed to send error message.")


@pytest.mark.parametrize("name", workers.SUPPORTED_WORKERS)
def test_supported_worker_can_be_loaded(name):
    # In a process of its own: eventlet, once imported, gives the whole process a hub, and later
    # tests that use threads and sockets wait in it for ever.
    program = (
        "from gunicorn.util import load_class; "
        f"print(load_class({name!r}, 'sync', 'gunicorn.workers').__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == workers.SUPPORTED_WORKERS[name].rpartition(".")[2], done.stderr
