"""What each class of workers supports, found out by trying: one probe for each line of a table.

``python -m tests.blackbox.support`` tries everything and writes the table that the manual shows;
``test_worker_support`` tries the same and compares. A probe gives whether the class does what the
line says; what it does instead is not its business.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.blackbox.case import get, message, post
from tests.harness import Gate, NoResponse, Server
from tests.harness.classes import CLASSES
from tests.harness.client import BrokenResponse
from tests.harness.server import ROOT

TABLE = ROOT / "docs" / "reference" / "worker-support.inc"
NATIVE_APP = "tests.apps.native:application"
#: seconds after which something is taken not to happen
NEVER = 3.0


@dataclass(frozen=True, slots=True)
class Column:
    """A class of workers, serving WSGI or an application of tornado's own."""

    title: str
    kind: str
    is_native: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return ("--worker-class", self.kind, *CLASSES[self.kind][1])

    def serve(self, app: str, *words: str, **more: object) -> Server:
        app = NATIVE_APP if self.is_native else app
        return Server(app, *self.words, *words, expect_errors=True, **more)  # type: ignore[arg-type]


COLUMNS = [
    *[Column(kind, kind) for kind in CLASSES],
    Column("tornado.web", "tornado", is_native=True),
]
PROBES: dict[str, Callable[[Column], bool]] = {}

HELLO = "tests.apps.basic:hello"
ECHO = "tests.apps.basic:echo"
RAW = "tests.apps.raw:application"
GATED = "tests.apps.gate:application"


def line(text: str) -> Callable[[Callable[[Column], bool]], Callable[[Column], bool]]:
    def add(probe: Callable[[Column], bool]) -> Callable[[Column], bool]:
        PROBES[text] = probe
        return probe

    return add


def log_after(column: Column, app: str, *words: str, requests: int = 1, config: str = "") -> str:
    """Give the log of a server that has answered some requests and was stopped."""
    files = {"conf.py": config}
    with column.serve(app, "--config", "conf.py", *words, files=files) as server:
        for _ in range(requests):
            assert server.get().status == 200
        server.signal(signal.SIGTERM)
        server.wait()
        return server.log_text()


# -- HTTP ------------------------------------------------------------------------------------------


@line("TLS")
def has_tls(column: Column) -> bool:
    with column.serve(HELLO, bind="tls") as server:
        return server.get().status == 200


@line("several requests on a connection")
def keeps_alive(column: Column) -> bool:
    with column.serve(HELLO) as server, server.connect() as connection:
        for _ in range(2):
            connection.send(get())
            if connection.read_response().status != 200:
                return False
        return True


@line("``keepalive`` ends idle connections")
def ends_idle(column: Column) -> bool:
    with column.serve(HELLO, "--keep-alive", "1") as server, server.connect() as connection:
        connection.send(get())
        connection.read_response()
        connection.sock.settimeout(NEVER)
        with contextlib.suppress(BrokenResponse):
            return connection.read_to_end() == b""
    return False


@line("``limit_request_*``")
def limits_lines(column: Column) -> bool:
    with column.serve(HELLO, "--limit-request-line", "100") as server:
        return server.request(get(target="/" + "x" * 200)).status == 414


AMBIGUOUS = [
    post(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
    post(b"hello", "Content-Length: 5", "Content-Length: 6"),
    post(b"hello", "Content-Length: +5"),
    post(b"hello", "Content-Length : 5"),
    post(b"0\r\n\r\n", "Transfer-Encoding: chunked, identity"),
    message("GET / HTTP/1.1", "Host: a", "X-A: b", " folded: c"),
]


@line("refuses what two servers could read differently")
def refuses_ambiguity(column: Column) -> bool:
    with column.serve(HELLO) as server:
        return all(is_refused(server, data) for data in AMBIGUOUS)


def is_refused(server: Server, data: bytes) -> bool:
    with server.connect() as connection:
        connection.sock.settimeout(NEVER)
        connection.send(data)
        try:
            answer = connection.read_to_end()
        except BrokenResponse:
            return False  # it is waiting for the next request
    return not answer or answer.split()[1] in (b"400", b"501")


@line("forwarding fields, of ``forwarded_allow_ips`` only")
def believes_forwarders(column: Column) -> bool:
    seen = []
    for words in ((), ("--forwarded-allow-ips", "192.0.2.1")):
        with column.serve(ECHO, *words) as server:
            answer = server.request(
                get("X-Forwarded-For: 192.0.2.9", "Connection: close", target="/who")
            ).json()
            seen.append(answer.get("ip", answer.get("REMOTE_ADDR")))
    return seen == ["192.0.2.9", "127.0.0.1"]


@line("PROXY protocol")
def speaks_proxy(column: Column) -> bool:
    with column.serve(ECHO, "--proxy-protocol") as server, server.connect() as connection:
        connection.sock.settimeout(NEVER)
        connection.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 5 80\r\n" + get("Connection: close"))
        try:
            response = connection.read_response()
        except (NoResponse, BrokenResponse):
            return False
        return response.status == 200 and b"192.0.2.9" in response.body


@line("``wsgi.file_wrapper``")
def wraps_files(column: Column) -> bool:
    with column.serve(ECHO) as server:
        return b"wsgi.file_wrapper" in server.get().body


# -- around a request ------------------------------------------------------------------------------


@line("``pre_request``, ``post_request``")
def calls_hooks(column: Column) -> bool:
    config = (
        "def pre_request(worker, req):\n    worker.log.info('hook one')\n"
        "def post_request(worker, req, environ, resp):\n    worker.log.info('hook two')\n"
    )
    text = log_after(column, HELLO, config=config)
    return "hook one" in text and "hook two" in text


@line("access log")
def logs_access(column: Column) -> bool:
    return '"GET / HTTP/1.1" 200' in log_after(column, HELLO, "--access-logfile", "-")


@line("``max_requests``")
def counts_requests(column: Column) -> bool:
    text = log_after(column, HELLO, "--max-requests", "2", requests=3)
    return "Autorestarting worker after current request." in text


@line("``preload_app``")
def can_preload(column: Column) -> bool:
    with column.serve(HELLO, "--preload") as server:
        return server.get().status == 200


@line("several requests at a time")
def serves_together(column: Column) -> bool:
    with (
        Gate() as gate,
        column.serve(GATED, env=gate.env) as server,
        server.connect() as one,
        server.connect() as other,
    ):
        one.send(get(target="/wait"))
        arrivals = [gate.next_arrival()]
        other.send(get(target="/wait"))
        with contextlib.suppress(TimeoutError):
            arrivals.append(gate.next_arrival(NEVER))
        are_together = len(arrivals) == 2
        arrivals[0].let_go()
        if not are_together:
            arrivals.append(gate.next_arrival())
        arrivals[1].let_go()
        assert [one.read_response().status, other.read_response().status] == [200, 200]
        return are_together


@line("slow clients hold up nobody")
def bears_slow_clients(column: Column) -> bool:
    with column.serve(HELLO) as server, server.connect() as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost")
        return server.get().status == 200


@line('``environ["gunicorn.socket"]`` and ``ALREADY_HANDLED``')
def lends_the_socket(column: Column) -> bool:
    if column.is_native:
        return False
    with column.serve(RAW) as server, server.connect() as connection:
        connection.sock.settimeout(NEVER)
        connection.send(get(target="/raw"))
        with contextlib.suppress(AssertionError, BrokenResponse):
            if connection.read_exactly(6) != b"ready\n":
                return False
            # By now the application reads, or has found that it cannot wait.
            connection.sock.settimeout(0.3)
            with contextlib.suppress(BrokenResponse):
                connection.read_exactly(1)
                return False
            connection.sock.settimeout(NEVER)
            connection.send(b"hello")
            if connection.read_exactly(5) != b"HELLO":
                return False
            connection.sock.shutdown(socket.SHUT_WR)
            return connection.read_to_end() == b""
    return False


# -- the end ---------------------------------------------------------------------------------------


@line("a graceful stop waits for requests")
def stops_gracefully(column: Column) -> bool:
    with (
        Gate() as gate,
        column.serve(GATED, env=gate.env) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        waiting.let_go()
        is_answered = connection.read_response().status == 200
        return server.wait() == 0 and is_answered


@line("a worker that is stuck is replaced after ``timeout``")
def is_watched(column: Column) -> bool:
    with column.serve(RAW, "--timeout", "1") as server, server.connect() as connection:
        with server.log_contains("Booting worker"):
            connection.send(get(target="/block"))
        return server.get().status == 200


@line("one request that is late is ended alone, by ``request_timeout``")
def ends_one_alone(column: Column) -> bool:
    words = ("--request-timeout", "1")
    with (
        Gate() as gate,
        column.serve(GATED, *words, env=gate.env) as server,
        server.connect() as connection,
    ):
        connection.sock.settimeout(NEVER)
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        is_ended = False
        with contextlib.suppress(BrokenResponse):
            is_ended = connection.read_response().status == 503
        if not is_ended:
            waiting.let_go()
        return is_ended


# -- the table -------------------------------------------------------------------------------------


def render(found: dict[tuple[str, str], bool]) -> str:
    """Give the table as reStructuredText."""
    titles = [column.title for column in COLUMNS]
    lines = [".. list-table::", "   :header-rows: 1", "   :stub-columns: 1", ""]
    rows = [["", *titles]]
    rows += [[text, *["yes" if found[text, t] else "–" for t in titles]] for text in PROBES]
    for row in rows:
        lines += [
            f"   {'* -' if at == 0 else '  -'} {cell}".rstrip() for at, cell in enumerate(row)
        ]
    return "\n".join(lines) + "\n"


def parse(text: str) -> dict[tuple[str, str], bool]:
    """Give what a table says."""
    rows: list[list[str]] = []
    for row in text.splitlines()[4:]:
        if row.startswith("   * -"):
            rows.append([])
        rows[-1].append(row[6:].strip())
    titles = rows[0][1:]
    return {
        (row[0], title): cell == "yes"
        for row in rows[1:]
        for title, cell in zip(titles, row[1:], strict=True)
    }


def main(path: Path = TABLE) -> None:
    """Try everything and write the table."""
    found = {}
    for text, probe in PROBES.items():
        for column in COLUMNS:
            found[text, column.title] = probe(column)
            print(f"{column.title:14} {text}: {found[text, column.title]}", flush=True)
    path.write_text(render(found))


if __name__ == "__main__":
    main()
