"""The tornado worker: tornado's applications by its own HTTP, and WSGI with a loop at hand."""

from __future__ import annotations

import os
import signal

import pytest

from tests.blackbox.case import get, post
from tests.harness import DEADLINE, Gate, Server, processes, run_gunicorn
from tests.harness.classes import flags
from tests.harness.fleet import Fleet

NATIVE = "tests.apps.native:application"
TORNADO = ("-k", "tornado")


@pytest.fixture(autouse=True)
def tornado() -> None:
    flags("tornado")


@pytest.mark.parametrize("listener", ["tcp", "unix", "tls"])
def test_native_application_on_every_kind_of_listener(fleet: Fleet, listener: str) -> None:
    server = fleet.server(NATIVE, *TORNADO, bind=listener)
    with server.connect() as connection:
        for _ in range(3):
            connection.send(get())
            response = connection.read_response()
            assert (response.status, response.body) == (200, b"hello")
        connection.send(post(b"x" * 100_000, "Content-Length: 100000"))
        assert connection.read_response("POST").body == b"100000"
    assert str(server.get().get("Server")).endswith("(Gunicorn/2026.11.0)")


@pytest.mark.parametrize("trusted", [True, False])
def test_forwarding_fields_are_believed_of_whom_they_are_elsewhere(trusted: bool) -> None:
    allowed = () if trusted else ("--forwarded-allow-ips", "192.0.2.1")
    with Server(NATIVE, *TORNADO, *allowed) as server, server.connect() as connection:
        fields = ("X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https")
        connection.send(get(*fields, target="/who"))
        seen = connection.read_response().json()
        told = {"ip": "192.0.2.9", "scheme": "https"}
        assert seen == (told if trusted else {"ip": "127.0.0.1", "scheme": "http"})


def test_access_log_and_errors_are_in_our_logs() -> None:
    words = ("--access-logfile", "-", "--access-logformat", "%(h)s %(r)s %(s)s %(b)s %({x-a}i)s")
    with Server(NATIVE, *TORNADO, *words, expect_errors=["Uncaught exception"]) as server:
        with server.connect() as connection:
            connection.send(get("X-A: b"))
            assert connection.read_response().status == 200
        server.wait_log("127.0.0.1 GET / HTTP/1.1 200 5 b", start=0)
        assert server.get("/fail").status == 500
        server.wait_log("[ERROR] Uncaught exception GET /fail", "as the test wants", start=0)


def test_graceful_stop_waits_on_every_listener_and_closes_who_is_idle() -> None:
    words = ("--bind", "unix:second", "--keep-alive", "1000", "--graceful-timeout", "1000")
    with Gate() as gate, Server(NATIVE, *TORNADO, *words, env=gate.env) as server:
        assert len(server.addresses) == 2
        idle, *busy = [server.connect(which) for which in (0, 0, 1)]
        idle.send(get())
        assert idle.read_response().status == 200
        waiting = []
        for connection in busy:
            connection.send(get(target="/wait"))
            waiting.append(gate.next_arrival())
        server.signal(signal.SIGTERM)
        assert idle.read_to_end() == b""
        for connection, request_ in zip(busy, waiting, strict=True):
            request_.let_go()
            assert connection.read_response().status == 200
            assert connection.read_to_end() == b""
        assert server.wait() == 0
        for connection in (idle, *busy):
            connection.close()


def test_graceful_timeout_cuts_what_is_left() -> None:
    with (
        Gate() as gate,
        Server(NATIVE, *TORNADO, "--graceful-timeout", "2", env=gate.env) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        with server.log_contains("[WARNING] Worker graceful timeout"):
            server.signal(signal.SIGTERM)
        # Tornado's answer for a handler that is cancelled.
        assert connection.read_response().status == 500
        assert waiting.is_lost()
        assert server.wait() == 0


def test_blocked_loop_is_noticed() -> None:
    with (
        Server(NATIVE, *TORNADO, "--timeout", "1", expect_errors=True) as server,
        server.connect() as connection,
    ):
        with server.log_contains("WORKER TIMEOUT", "Booting worker"):
            connection.send(get(target="/block"))
        assert server.get().status == 200


def test_idle_connection_is_closed_after_keepalive() -> None:
    with Server(NATIVE, *TORNADO, "--keep-alive", "1") as server, server.connect() as connection:
        connection.send(get())
        assert connection.read_response().status == 200
        assert connection.read_to_end() == b""


def test_no_keepalive() -> None:
    with Server(NATIVE, *TORNADO, "--keep-alive", "0") as server, server.connect() as connection:
        connection.send(get())
        assert connection.read_response().get("Connection") == "close"
        assert connection.read_to_end() == b""


def test_connections_beyond_the_cap_wait_outside() -> None:
    words = ("--worker-connections", "2", "--keep-alive", "1000")
    with Server(NATIVE, *TORNADO, *words) as server:
        idle = [server.connect() for _ in range(2)]
        for connection in idle:
            connection.send(get())
            assert connection.read_response().status == 200
        with server.connect() as third:
            third.send(get())
            third.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                third.sock.recv(1)
            third.sock.settimeout(10)
            idle[0].close()
            assert third.read_response().status == 200
        idle[1].close()


def test_max_requests_replaces_the_worker() -> None:
    with Server(NATIVE, *TORNADO, "--max-requests", "3") as server:
        first = server.worker_pids()
        with server.log_contains("Autorestarting worker after current request."):
            for _ in range(3):
                assert server.get().status == 200
        server.wait_workers(lambda pids: len(pids) == 1 and pids != first)
        assert server.get().status == 200


@pytest.mark.parametrize("app", [NATIVE, "tests.apps.basic:hello"])
def test_preload_and_reload(app: str) -> None:
    with Server(app, *TORNADO, "--preload", "--workers", "2") as server:
        assert server.get().body == b"hello"
        with server.log_contains("Reloaded: generation 2"):
            server.signal(signal.SIGHUP)
        assert server.get().body == b"hello"


def test_wsgi_application_has_the_loop() -> None:
    app = "tests.apps.looping:application"
    with Server(app, *TORNADO) as server:
        assert server.get().body == b"ticked"
        assert server.get("/task").status == 200
        with server.log_contains("the task was told"):
            server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_parked_connection_moves_to_an_idle_sibling() -> None:
    """As with sync: who waits behind a request that takes long is served by somebody else."""
    words = ("--workers", "2", "--keep-alive", "1000")
    with Gate() as gate, Server("tests.apps.gate:application", *TORNADO, *words, env=gate.env) as s:
        connections = [s.connect() for _ in range(8)]
        pids = set()
        for connection in connections:
            connection.send(get())
            pids.add(int(connection.read_response().body))
        connections[0].send(get(target="/wait"))
        waiting = gate.next_arrival()
        for connection in connections[1:]:
            connection.send(get())
            assert int(connection.read_response().body) != waiting.pid
        waiting.let_go()
        assert connections[0].read_response().status == 200
        for connection in connections:
            connection.close()


def test_child_of_a_handler_answers_nobody_and_ends() -> None:
    with Server(NATIVE, *TORNADO) as server, server.connect() as connection:
        for _ in range(2):
            connection.send(get(target="/fork"))
            worker, child = map(int, connection.read_response().body.split())
            assert processes.wait_gone(child, DEADLINE)
            assert worker in server.worker_pids()


def test_missing_library_is_one_line() -> None:
    absent = "raise ImportError('not here')\n"
    done = run_gunicorn("-k", "tornado", NATIVE, files={"tornado.py": absent})
    assert done.returncode == 1
    told = "You need tornado installed to use this worker: apt-get install python3-tornado"
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert os.linesep.join(done.stderr.split(os.linesep)[1:]).strip() == ""
