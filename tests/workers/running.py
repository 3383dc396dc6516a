"""Runs one real worker, or several siblings, in forked children, without a master.

    with Running(application, keepalive=5) as server:
        client = server.connect()

The children are told TERM and reaped at the end; an unexpected ERROR in the log fails the test.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import ssl
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from gunicorn import sock as listeners
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.sync import SyncWorker

#: a wait that takes longer than this has failed, seconds
PATIENCE = 10.0


class Running:
    """Workers serving ``application`` with the given settings; ``worker`` may be a subclass.

    Sockets made by ``connect`` are closed at the end.
    """

    #: the class where a test names none
    default: type[SyncWorker] = SyncWorker

    def __init__(
        self,
        application: Any,
        *,
        worker: type[SyncWorker] | None = None,
        count: int = 1,
        expect_errors: bool = False,
        **settings: Any,
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="gunicorn-test-")
        self.directory = Path(self._directory.name)
        self.expect_errors = expect_errors
        self.uploads = self.directory / "uploads"
        self.uploads.mkdir()
        self.log_path = self.directory / "error.log"
        self.cfg = Config()
        defaults = {
            "bind": ["127.0.0.1:0"],
            "workers": count,
            "errorlog": str(self.log_path),
            "tmp_upload_dir": str(self.uploads),
        }
        for name, value in {**defaults, **settings}.items():
            self.cfg.set(name, value)
        self.log = Logger(self.cfg)
        self.listeners = listeners.create_listeners(self.cfg.address, self.cfg, self.log)
        self.app = SimpleNamespace(wsgi=lambda: application, cfg=self.cfg)
        # A class of its own, so that what ``prepare`` makes for its workers belongs to this run.
        base = worker or self.default
        self.kind = type(base.__name__, (base,), {"exchange": None})
        self.clients: list[socket.socket] = []
        self.workers: list[Any] = []
        self.statuses: dict[int, int] = {}
        self.kind.prepare(self.cfg)
        for age in range(1, count + 1):
            self._spawn(age)

    def _spawn(self, age: int) -> None:
        worker = self.kind(
            age, os.getpid(), self.listeners, self.app, self.cfg.timeout / 2, self.cfg, self.log
        )
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                worker.tmp.keep_worker_side()
                worker.init_process()
                status = 0
            except SystemExit as leave:
                status = int(leave.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        worker.pid = pid
        worker.tmp.keep_master_side()
        self.workers.append(worker)
        assert select.select([worker.tmp], [], [], PATIENCE)[0], self.log_text()
        report = worker.tmp.read_report()
        assert report is not None, f"worker died\n{self.log_text()}"
        assert report.kind == "ready", report.text

    @property
    def pid(self) -> int:
        return int(self.workers[0].pid)

    def log_text(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def wait_for_log(self, text: str) -> None:
        """Wait until the log says ``text``: for what no socket tells."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log_text():
            assert time.monotonic() < deadline, f"the log does not say {text!r}"
            os.sched_yield()

    def connect(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> socket.socket:
        listener = self.listeners[0]
        client = socket.socket(listener.family, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        for name, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        client.connect(listener.getsockname())
        if tls is not None:
            client = tls.wrap_socket(client, server_hostname="localhost")
        self.clients.append(client)
        return client

    def get(self, target: str = "/", **options: Any) -> bytes:
        """One request on its own connection; returns all that is answered."""
        with self.connect(**options) as client:
            client.sendall(
                f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
            )
            return read_all(client)

    def signal(self, signum: int, index: int = 0) -> None:
        os.kill(self.workers[index].pid, signum)

    def wait(self, index: int = 0) -> int:
        """Wait for a worker to end; returns its wait status."""
        pid = self.workers[index].pid
        if pid not in self.statuses:
            fd = os.pidfd_open(pid)
            try:
                assert select.select([fd], [], [], PATIENCE)[0], "the worker does not end"
            finally:
                os.close(fd)
            self.statuses[pid] = os.waitpid(pid, 0)[1]
        return self.statuses[pid]

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.close()
        try:
            for worker in self.workers:
                if worker.pid not in self.statuses:
                    os.kill(worker.pid, signal.SIGTERM)
            for index in range(len(self.workers)):
                try:
                    self.wait(index)
                except AssertionError:
                    os.kill(self.workers[index].pid, signal.SIGKILL)
                    os.waitpid(self.workers[index].pid, 0)
                    raise
        finally:
            for worker in self.workers:
                worker.tmp.close()
            if self.kind.exchange is not None:
                self.kind.exchange.close()
            for listener in self.listeners:
                listeners.close_listener(listener)
            for logger in (self.log.error_log, self.log.access_log):
                for handler in list(logger.handlers):
                    logger.removeHandler(handler)
                    handler.close()
            text, left = self.log_text(), list(self.uploads.iterdir())
            self._directory.cleanup()
        if kind is None:
            failed = [
                status for status in self.statuses.values() if os.waitstatus_to_exitcode(status)
            ]
            assert self.expect_errors or not failed, f"exit statuses {failed}"
            assert not left, "temporary files are left"
            assert self.expect_errors or "[ERROR]" not in text, text


def read_all(client: socket.socket) -> bytes:
    """Read to the end of the connection."""
    parts = []
    with contextlib.suppress(ssl.SSLEOFError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def read_response(client: socket.socket) -> tuple[bytes, bytes]:
    """Read one response with a Content-Length; returns head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        assert part, f"the connection ended after {data!r}"
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = client.recv(65536)
        assert part, "the connection ended in the body"
        body += part
    assert len(body) == length, "more than one response"
    return head, body
