"""What signals do to a running server, and what happens when processes die (reference 3.3-3.6)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

import pytest

from tests.blackbox.case import get
from tests.harness import Gate, NoResponse, Server, ServerFailed, processes
from tests.harness.control import ask

HELLO = "tests.apps.basic:hello"
PID = "tests.apps.basic:pid"
GATED = "tests.apps.gate:application"
#: longer than any wait of the harness
PATIENT = ("--graceful-timeout", "1000")


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("bind", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_stop(number: signal.Signals, bind: str) -> None:
    name = number.name.removeprefix("SIG").lower()
    with Server(HELLO, "--workers", "2", "--pid", "gunicorn.pid", bind=bind) as server:
        assert server.get().status == 200
        with server.log_contains(f"Handling signal: {name}", "Shutting down: Master"):
            server.signal(number)
            assert server.wait() == 0
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            server.connect()


def test_term_lets_the_request_in_flight_finish() -> None:
    with Gate() as gate, Server(GATED, env=gate.env) as server, server.connect() as connection:
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        server.wait_notification("STOPPING=1")  # the worker has been told
        waiting.let_go()
        response = connection.read_response()
        assert (response.status, response.body) == (200, str(waiting.pid).encode())
        assert response.get("Connection") == "close"
        assert connection.read_to_end() == b""
        assert server.wait() == 0


def test_term_lets_the_response_in_flight_finish() -> None:
    with Gate() as gate, Server(GATED, env=gate.env) as server, server.connect() as connection:
        connection.send(get(target="/stream"))
        waiting = gate.next_arrival()
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        waiting.let_go()
        assert connection.read_response().body == b"first second"
        assert server.wait() == 0


def test_term_serves_what_was_already_accepted_or_sent() -> None:
    """Issue 3: no request in flight is lost on graceful stop; a slow reader gets it all."""
    app = "tests.apps.responses:application"
    with Server(app, expect_errors=True) as server, server.connect() as connection:
        connection.send(get(target="/big"))
        head = connection.read_exactly(100)
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        rest = connection.read_to_end()
        assert (head + rest).endswith(b"x" * 1000)
        assert len((head + rest).partition(b"\r\n\r\n")[2]) == 3 << 20
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quick_stop_does_not_wait(number: signal.Signals) -> None:
    """Design, decisions: INT and QUIT are quick; a request in flight is lost."""
    with Gate() as gate, Server(GATED, env=gate.env) as server, server.connect() as connection:
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        server.signal(number)
        assert server.wait() == 0
        assert waiting.is_lost()


def test_graceful_timeout_ends_the_waiting() -> None:
    flags = ("--graceful-timeout", "1")
    with (
        Gate() as gate,
        Server(GATED, *flags, env=gate.env, expect_errors=True) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert waiting.is_lost()


def test_idle_connections_do_not_delay_the_stop() -> None:
    """The keepalive of this server is longer than any wait of the harness."""
    flags = ("--keep-alive", "1000", "--graceful-timeout", "1000")
    with Server(HELLO, *flags) as server, server.connect() as used, server.connect() as fresh:
        used.send(get())
        assert used.read_response().status == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert used.read_to_end() == b""
        assert fresh.read_to_end() == b""


def test_second_signal_makes_a_graceful_stop_quick() -> None:
    with Gate() as gate, Server(GATED, env=gate.env) as server, server.connect() as connection:
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        server.signal(signal.SIGQUIT)
        assert server.wait() == 0
        assert waiting.is_lost()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_impatience_does_not_change_the_exit_status(number: signal.Signals) -> None:
    """People press Ctrl-C more than once; the stop is no less orderly for that."""
    with Server(HELLO, "--workers", "2", "--pid", "gunicorn.pid") as server:
        with contextlib.suppress(ProcessLookupError):
            while not server.is_dead:
                server.signal(number)
        assert server.wait() == 0


#: passes the gate where Python drops exceptions, then once more
DEAF = """\
import weakref
from tests.apps import gate

class Thing:
    pass

def be_deaf():
    thing = Thing()
    reference = weakref.ref(thing, lambda reference: gate.pass_gate())
    del thing
    gate.pass_gate()

def application(environ, start_response):
    be_deaf()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_is_repeated_to_a_worker_that_could_not_hear_it(number: signal.Signals) -> None:
    """A request under way for INT, an import that goes on for TERM."""
    files = {"shop.py": "from tests.apps.gate import application\n"}
    with Gate() as gate, Server("shop", *PATIENT, env=gate.env, files=files) as server:
        (server.directory / "shop.py").write_text(DEAF + "be_deaf()\n" * (number == signal.SIGTERM))
        server.signal(signal.SIGHUP)
        if number == signal.SIGINT:
            server.wait_notification("READY=1", 2)
            connection = server.connect()
            connection.send(get())
        waiting = gate.next_arrival()
        server.signal(number)
        assert waiting.is_lost()
        assert server.wait() == 0
        assert "Exception ignored" not in server.log_text()
        if number == signal.SIGINT:
            connection.close()


# -- the number of workers -------------------------------------------------------------------------


def test_ttin_and_ttou_change_the_number_of_workers() -> None:
    with Server(HELLO) as server:
        server.wait_workers(lambda pids: len(pids) == 1)
        for wanted in (2, 3):
            server.signal(signal.SIGTTIN)
            server.wait_workers(lambda pids, wanted=wanted: len(pids) == wanted)
        for wanted in (2, 1):
            server.signal(signal.SIGTTOU)
            server.wait_workers(lambda pids, wanted=wanted: len(pids) == wanted)
        assert server.get().status == 200


def test_ttou_keeps_the_last_worker() -> None:
    with Server(PID) as server:
        before = server.wait_workers(lambda pids: len(pids) == 1)
        with server.log_contains("Handling signal: ttou"):
            server.signal(signal.SIGTTOU)
        assert int(server.get().body) in before
        assert server.worker_pids() == before


def test_winch_is_ignored_in_the_foreground() -> None:
    """A terminal sends it whenever its window changes size."""
    with Server(PID) as server:
        before = server.wait_workers(lambda pids: len(pids) == 1)
        with server.log_contains("winch"):
            server.signal(signal.SIGWINCH)
        assert int(server.get().body) in before
        assert server.worker_pids() == before


# -- death -----------------------------------------------------------------------------------------


def test_killed_worker_is_replaced() -> None:
    with Server(PID, expect_errors=["was sent SIGKILL"]) as server:
        (old,) = server.wait_workers(lambda pids: len(pids) == 1)
        with server.log_contains(f"Worker (pid:{old}) was sent SIGKILL!"):
            os.kill(old, signal.SIGKILL)
        server.wait_workers(lambda pids: len(pids) == 1 and old not in pids)
        assert int(server.get().body) in server.worker_pids()


def test_every_killed_worker_is_replaced_at_once() -> None:
    with Server(PID, "--workers", "4", expect_errors=["was sent SIGKILL"]) as server:
        old = server.wait_workers(lambda pids: len(pids) == 4)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        new = server.wait_workers(lambda pids: len(pids) == 4 and not set(pids) & set(old))
        assert int(server.get().body) in new


def test_requests_of_a_killed_worker_end() -> None:
    with (
        Gate() as gate,
        Server(GATED, env=gate.env, expect_errors=["was sent SIGKILL"]) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        os.kill(gate.next_arrival().pid, signal.SIGKILL)
        with pytest.raises(NoResponse):
            connection.read_response()


@pytest.mark.parametrize("bind", ["tcp", "unix"])
def test_workers_leave_when_the_master_is_killed(bind: str) -> None:
    with Server(HELLO, "--workers", "2", bind=bind) as server:
        workers = server.wait_workers(lambda pids: len(pids) == 2)
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        for pid in workers:
            server.wait_gone(pid)
        if bind == "unix":
            (server.directory / "socket").unlink()


def test_silent_worker_is_killed_and_replaced() -> None:
    """Reference 3.6: the heartbeat."""
    with (
        Gate() as gate,
        Server(GATED, "--timeout", "1", env=gate.env, expect_errors=True) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        pid = gate.next_arrival().pid
        with server.log_contains(f"WORKER TIMEOUT (pid:{pid})"):
            server.wait_gone(pid)
        with pytest.raises(NoResponse):
            connection.read_response()
        assert server.get().status == 200


def test_stopped_master_does_not_murder_on_resume() -> None:
    """Who was asleep cannot judge: after a suspend the heartbeats get a new chance."""
    flags = ("--timeout", "1", "--control-socket", "control.test")
    with Server(PID, *flags) as server:
        before = server.wait_workers(lambda pids: len(pids) == 1)
        for pid in (server.pid, *before):
            os.kill(pid, signal.SIGSTOP)
        # Asleep for longer than the timeout, and than a turn of the master's loop may take.
        assert not processes.wait_gone(server.pid, 2.5)
        for pid in (server.pid, *before):
            os.kill(pid, signal.SIGCONT)
        # Each answer is given in a turn of its own: by the third, two have judged the workers.
        for _ in range(3):
            assert ask(server, command="status")["ok"] is True
        assert int(server.get().body) in before
        assert server.worker_pids() == before
        assert "WORKER TIMEOUT" not in server.log_text()


def test_worker_retires_after_max_requests_without_losing_one() -> None:
    """Reference 5.1 and issue 3: every request on the way is answered."""
    with (
        Server(PID, "--max-requests", "3") as server,
        server.log_contains("Autorestarting worker after current request."),
    ):
        seen: set[bytes] = set()
        while len(seen) < 4:
            seen.add(server.get().body)


def test_connection_outlives_the_workers_that_max_requests_replaces() -> None:
    """Or else, RFC 9112 9.6, the last response on it announces the end."""
    with Server(PID, "--max-requests", "3") as server, server.connect() as connection:
        seen: set[bytes] = set()
        announced = "keep-alive"
        while announced == "keep-alive" and len(seen) < 4:
            connection.send(get())
            response = connection.read_response()
            seen.add(response.body)
            announced = response.get("Connection") or ""
        assert len(seen) == 4 or connection.read_to_end() == b""


def test_orphaned_socket_file_is_taken_over() -> None:
    """Reference 3.11: what a killed server left at the path of its socket is replaced."""
    with Server(HELLO, bind="unix:stale.test") as server:
        path = server.directory / "stale.test"
        server.signal(signal.SIGTERM)
        server.wait()
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        with Server(HELLO, bind=f"unix:{path}") as second:
            assert second.get().status == 200
        assert not path.exists()


def test_two_servers_do_not_share_a_port() -> None:
    with Server(HELLO) as first:
        host, port = first.address
        with pytest.raises(ServerFailed):
            Server(HELLO, bind=f"{host}:{port}").__enter__()
        assert first.get().status == 200
