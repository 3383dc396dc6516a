"""Where a real server's logs go: syslog, StatsD, a logging configuration, captured output."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Server

DEADLINE = 30.0

PRINTS = """\
import os, sys

def application(environ, start_response):
    print("printed")
    print("complained", file=sys.stderr)
    os.system("echo said by a child")
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


class Listener:
    """A datagram socket that stands for syslog or StatsD."""

    def __init__(self, path: Path | None = None) -> None:
        family = socket.AF_UNIX if path else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else ("127.0.0.1", 0))
        self.socket.settimeout(DEADLINE)
        self.heard: list[str] = []

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def wait_for(self, pattern: str) -> str:
        """Give the next message that matches, waiting for it."""
        while True:
            message = self.socket.recv(65536).decode()
            self.heard.append(message)
            if re.search(pattern, message):
                return message

    def take_pending(self) -> list[str]:
        """Give what has arrived already and nobody has asked for."""
        self.socket.setblocking(False)
        pending = []
        try:
            while True:
                pending.append(self.socket.recv(65536).decode())
        except BlockingIOError:
            self.socket.settimeout(DEADLINE)
        return pending


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.socket.close()


def test_syslog_gets_both_logs(listener: Listener) -> None:
    flags = ["--log-syslog", "--log-syslog-to", f"udp://127.0.0.1:{listener.port}"]
    with Server(
        "tests.apps.basic:hello", *flags, "--log-syslog-facility", "local3", "-n", "shop"
    ) as server:
        # local3 is 19, info is 6
        listener.wait_for(rf"^<158>gunicorn\.shop\.error: \[{server.pid}\] Starting gunicorn ")
        server.get("/basket")
        line = listener.wait_for(r"GET /basket")
        assert re.match(r"<158>gunicorn\.shop\.access: \[\d+\] 127\.0\.0\.1 - - \[", line)


def test_syslog_on_a_unix_socket_without_access_lines(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "log")
    flags = ["--log-syslog", "--log-syslog-to", f"unix://{tmp_path}/log", "--log-syslog-prefix"]
    with Server(
        "tests.apps.basic:hello", *flags, "shop", "--disable-redirect-access-to-syslog"
    ) as server:
        listener.wait_for(r"^<14>gunicorn\.shop\.error: \[\d+\] Booting worker")
        server.get("/basket")
    listener.wait_for("Shutting down: Master")
    assert not [text for text in listener.heard if "/basket" in text]
    listener.socket.close()


def test_syslog_lines_are_not_doubled_by_reloads(listener: Listener) -> None:
    flags = ["--log-syslog", "--log-syslog-to", f"udp://127.0.0.1:{listener.port}"]
    with Server("tests.apps.basic:hello", *flags) as server:
        for generation in (2, 3):
            server.signal(signal.SIGHUP)
            server.wait_log(f"Reloaded: generation {generation} serves")
        listener.wait_for("Reloaded: generation 3 serves")
        listener.take_pending()
        server.get("/once")
        listener.wait_for("GET /once")
        server.get("/marker")
        listener.wait_for("GET /marker")
        assert sum("/once" in text for text in listener.heard) == 1
        assert server.log_text().count("Reloaded: generation 3 serves") == 1


def test_absent_syslog_is_nobody_s_problem(tmp_path: Path) -> None:
    flags = ["--log-syslog", "--log-syslog-to", f"unix://{tmp_path}/log"]
    with Server("tests.apps.basic:hello", *flags) as server:
        assert server.get().status == 200


def test_statsd_gets_requests_and_workers(listener: Listener) -> None:
    flags = ["--statsd-host", f"127.0.0.1:{listener.port}", "--statsd-prefix", "shop", "-w", "2"]
    with Server("tests.apps.basic:hello", *flags, "--dogstatsd-tags", "site:x") as server:
        listener.wait_for(r"^shop\.gunicorn\.workers:2\|g\|#site:x$")
        server.get()
        listener.wait_for(r"^shop\.gunicorn\.requests:1\|c\|#site:x$")
        listener.wait_for(r"^shop\.gunicorn\.request\.status\.200:1\|c\|#site:x$")
        listener.wait_for(r"^shop\.gunicorn\.request\.duration:[\d.]+\|ms\|#site:x$")


def test_logging_configuration_of_the_user() -> None:
    document = {
        "formatters": {"json": {"format": '{"level": "%(levelname)s", "text": "%(message)s"}'}},
        "handlers": {
            name: {"class": "logging.FileHandler", "filename": f"{name}.log", "formatter": "json"}
            for name in ("access", "server")
        },
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["server", "stderr"]},
            "gunicorn.access": {"level": "INFO", "handlers": ["access"]},
        },
    }
    files = {"log.json": json.dumps(document)}
    with Server(
        "tests.apps.basic:hello",
        *["--log-config-json", "log.json", "--access-logformat", "%(m)s %(U)s %(s)s"],
        files=files,
    ) as server:
        server.get("/basket")
        server.get("/marker")  # the line of a request is there when the next is served
        path = server.directory / "access.log"
        assert path.read_text().startswith('{"level": "INFO", "text": "GET /basket 200"}\n')
        path.rename(server.directory / "access.log.1")
        server.signal(signal.SIGHUP)
        server.wait_log("Reloaded: generation 2 serves")
        server.get("/again")
        server.get("/marker")
        assert path.read_text().startswith('{"level": "INFO", "text": "GET /again 200"}\n')
        text = (server.directory / "server.log").read_text()
        assert text.count("Reloaded: generation 2 serves") == 1


def test_captured_output_is_in_the_error_log_at_once() -> None:
    flags = ["--capture-output", "--log-file", "error.log"]
    with Server("shop:application", *flags, files={"shop.py": PRINTS}) as server:
        server.get()
        text = (server.directory / "error.log").read_text()
        assert all(line in text for line in ("printed\n", "complained\n", "said by a child\n"))


def test_output_is_given_back_by_a_reload() -> None:
    conf = "errorlog = 'error.log'\ncapture_output = %s\n"
    files = {"shop.py": PRINTS, "gunicorn.conf.py": conf % True}
    with Server("shop:application", files=files) as server:
        server.get()
        (server.directory / "gunicorn.conf.py").write_text(conf % False)
        server.signal(signal.SIGHUP)
        server.wait_log("Reloaded: generation 2 serves")
        server.get()
        text = (server.directory / "error.log").read_text()
        assert text.count("complained\n") == 1
        server.wait_log("complained\n", start=0, count=2)
