"""Log files: what is in them, and that moving them away loses no line (reference 6)."""

from __future__ import annotations

import re
import signal
from datetime import datetime

import pytest

from tests.blackbox.case import get, message
from tests.harness import Load, Server

HELLO = "tests.apps.basic:hello"
FILES = ("--log-file", "error.log", "--access-logfile", "access.log")

#: Apache's combined format, which log analysers parse
COMBINED = re.compile(
    r"(?P<h>\S+) - - \[(?P<t>[^]]+)\] \"(?P<r>[^\"]*)\" (?P<s>\d{3}) (?P<b>\d+|-)"
    r" \"(?P<f>[^\"]*)\" \"(?P<a>[^\"]*)\""
)


def stop(server: Server) -> None:
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def lines_of(server: Server, *names: str) -> list[str]:
    return [line for name in names for line in (server.directory / name).read_text().splitlines()]


def test_access_line_is_in_combined_format() -> None:
    """B#24."""
    with Server(HELLO, *FILES) as server:
        server.request(get("Referer: http://r/", "User-Agent: a/1", target="/x?y"))
        stop(server)
        (line,) = lines_of(server, "access.log")
    found = COMBINED.fullmatch(line)
    assert found, line
    assert (found["h"], found["r"]) == ("127.0.0.1", "GET /x?y HTTP/1.1")
    assert (found["s"], found["b"]) == ("200", "5")
    assert (found["f"], found["a"]) == ("http://r/", "a/1")
    assert datetime.strptime(found["t"], "%d/%b/%Y:%H:%M:%S %z")


def test_access_line_cannot_be_forged() -> None:
    """Reference 6.4: quotes are escaped; nothing a client sends starts a line of its own."""
    with Server(HELLO, *FILES) as server:
        server.request(get('User-Agent: a" 200 5 "b\t\xe9', target='/%0d%0a"x'))
        stop(server)
        (line,) = lines_of(server, "access.log")
    assert r"a\" 200 5 \"b" in line


def test_every_response_has_its_line() -> None:
    with Server("tests.apps.responses:application", *FILES, expect_errors=True) as server:
        for target, status in (("/sized", 200), ("/no-content", 204), ("/raises", 500)):
            assert server.get(target).status == status
        server.request(message("HEAD /sized HTTP/1.1", "Host: a"))
        stop(server)
        lines = lines_of(server, "access.log")
    found = [COMBINED.fullmatch(line) for line in lines]
    assert all(found), lines
    assert [match["s"] for match in found if match] == ["200", "204", "500", "200"]


@pytest.mark.parametrize(
    ("format_", "pattern"),
    [
        ("%(h)s %(m)s %(U)s %(q)s %(H)s", r"127\.0\.0\.1 GET /x y=z HTTP/1\.1"),
        ("%(s)s %(B)s %(b)s", r"200 5 5"),
        ("%(T)s %(D)s %(L)s", r"0 \d+ 0\.\d{6}"),
        ("%(p)s", r"<\d+>"),
        ("%({user-agent}i)s %({Content-Length}o)s %({PATH_INFO}e)s", r"agent 5 /x"),
        ("%(nothing)s %({none}i)s", r"- -"),
        ("%(u)s", r"alice"),
        ("100%%", r"100%"),
    ],
)
def test_access_format(format_: str, pattern: str) -> None:
    flags = (*FILES, "--access-logformat", format_)
    with Server(HELLO, *flags) as server:
        basic = "Authorization: Basic YWxpY2U6c2VjcmV0"
        server.request(get("User-Agent: agent", basic, target="/x?y=z"))
        stop(server)
        (line,) = lines_of(server, "access.log")
    assert re.fullmatch(pattern, line), line


def test_reopened_files_hold_every_line() -> None:
    """Reference 6.3: rename, USR1, and requests == lines, whatever was going on."""
    with Server("tests.apps.basic:pid", "--workers", "2", *FILES) as server:
        with Load(server) as load:
            for number in range(1, 4):
                load.wait_answers(len(load.answers) + 30)
                for name in ("access.log", "error.log"):
                    path = server.directory / name
                    path.rename(path.with_name(f"{name}.{number}"))
                with server.log_contains("Handling signal: usr1"):
                    server.signal(signal.SIGUSR1)
                while not (server.directory / "access.log").exists():
                    load.ask()
        assert load.failures == []
        stop(server)
        names = ["access.log", *[f"access.log.{number}" for number in range(1, 4)]]
        lines = lines_of(server, *names)
        assert all(COMBINED.fullmatch(line) for line in lines)
        assert len(lines) == len(load.answers)


def test_reopening_keeps_workers_and_their_requests() -> None:
    with Server("tests.apps.basic:pid", *FILES) as server, server.connect() as connection:
        connection.send(get())
        before = connection.read_response().body
        path = server.directory / "error.log"
        path.rename(path.with_name("error.log.1"))
        with server.log_contains("Handling signal: usr1"):
            server.signal(signal.SIGUSR1)
        connection.send(get())
        assert connection.read_response().body == before
