"""Figures to a real socket that stands for StatsD."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import glogging, statsd
from gunicorn.config import Config

DEADLINE = 10.0
ENVIRON = {"REQUEST_METHOD": "GET", "RAW_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1"}
REQUEST = SimpleNamespace(headers=[])


class Daemon:
    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(DEADLINE)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def take(self, count: int = 1) -> list[str]:
        return [self.socket.recv(65536).decode() for _ in range(count)]

    def has_nothing(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(DEADLINE)
        return False


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    yield made
    made.socket.close()


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for name in ("gunicorn.error", "gunicorn.access"):
        for handler in logging.getLogger(name).handlers[:]:
            logging.getLogger(name).removeHandler(handler)
            handler.close()


def make_logger(daemon: Daemon, tmp_path: Path, **others: Any) -> Any:
    cfg = Config()
    given = {"statsd_host": daemon.address, "errorlog": str(tmp_path / "error.log")}
    for name, value in (given | others).items():
        cfg.set(name, value)
    return cfg.logger_class(cfg)


def test_request_is_counted_by_status_and_timed(daemon: Daemon, tmp_path: Path) -> None:
    log = make_logger(daemon, tmp_path)
    assert log.access_wanted
    answer = SimpleNamespace(status="404 Not Found", sent=3, headers=[])
    log.access(answer, REQUEST, ENVIRON, timedelta(seconds=1, microseconds=2500))
    assert sorted(daemon.take(3)) == [
        "gunicorn.request.duration:1002.5|ms",
        "gunicorn.request.status.404:1|c",
        "gunicorn.requests:1|c",
    ]


def test_lines_are_counted_by_level(daemon: Daemon, tmp_path: Path) -> None:
    log = make_logger(daemon, tmp_path, loglevel="critical")
    log.critical("x")
    log.error("x")
    log.warning("x %s", 1)
    log.exception("x")
    log.log("warning", "x")
    log.log(logging.ERROR, "x")
    log.info("x")
    log.debug("x")
    log.log("info", "x")
    assert daemon.take(6) == [
        f"gunicorn.log.{name}:1|c"
        for name in ("critical", "error", "warning", "exception", "warning", "error")
    ]
    assert daemon.has_nothing()


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (("gunicorn.workers", 3), "gunicorn.workers:3|g"),
        (("shop.sold", 2, "counter"), "shop.sold:2|c"),
        (("shop.time", 1.5, "timer"), "shop.time:1.5|ms"),
    ],
)
def test_hook_tells_a_figure(
    daemon: Daemon, tmp_path: Path, figure: tuple[Any, ...], line: str
) -> None:
    log = make_logger(daemon, tmp_path)
    log.figure(*figure)
    assert daemon.take(1) == [line]


@pytest.mark.parametrize("prefix", ["shop", "shop."])
def test_prefix_and_tags(daemon: Daemon, tmp_path: Path, prefix: str) -> None:
    log = make_logger(daemon, tmp_path, statsd_prefix=prefix, dogstatsd_tags="site:shop,new")
    log.error("x")
    assert daemon.take() == ["shop.gunicorn.log.error:1|c|#site:shop,new"]


def test_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "statsd"))
        sock.settimeout(DEADLINE)
        sender = statsd.Sender(f"unix://{tmp_path}/statsd")
        sender.send("x", 1, "c")
        assert sock.recv(100) == b"x:1|c"
        sender.close()


def test_absent_daemon_harms_nobody(tmp_path: Path) -> None:
    sender = statsd.Sender(f"unix://{tmp_path}/nothing")
    sender.send("x", 1, "c")
    sender.send("x", 1, "c")
    sender.close()


def test_unknown_host_is_looked_up_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    asked: list[float] = []

    def look_up(*arguments: object, **named: object) -> object:
        asked.append(now)
        raise socket.gaierror

    monkeypatch.setattr(statsd.clock, "monotonic", lambda: now)
    monkeypatch.setattr(statsd.socket, "getaddrinfo", look_up)
    sender = statsd.Sender("statsd.example")
    sender.send("x", 1, "c")
    sender.send("x", 1, "c")
    now += statsd.PAUSE
    sender.send("x", 1, "c")
    assert asked == [1000.0, now]


class Shouting(glogging.Logger):
    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        super().info(str(msg).upper(), *args, **kwargs)


def test_logger_class_of_others_counts_too(daemon: Daemon, tmp_path: Path) -> None:
    log = make_logger(daemon, tmp_path, logger_class=Shouting)
    assert isinstance(log, Shouting)
    log.info("told")
    log.error("x")
    assert daemon.take() == ["gunicorn.log.error:1|c"]
    assert "TOLD" in (tmp_path / "error.log").read_text()


def test_class_is_made_once() -> None:
    made = statsd.instrument(Shouting)
    assert statsd.instrument(Shouting) is made
    assert statsd.instrument(made) is made


def test_reload_makes_no_new_socket(daemon: Daemon, tmp_path: Path) -> None:
    one, other = make_logger(daemon, tmp_path), make_logger(daemon, tmp_path)
    assert one._statsd is other._statsd
