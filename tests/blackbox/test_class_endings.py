"""What clients and the master learn when a worker ends, whatever its class."""

from __future__ import annotations

import os
import select
import signal

import pytest

from tests.blackbox.case import get
from tests.harness import Gate, Server
from tests.harness.classes import CLASSES, CONCURRENT, GREEN, OURS, flags

GATED = "tests.apps.gate:application"
PROMISING = """
import os, signal

def application(environ, start_response):
    if environ["PATH_INFO"] == "/term":
        os.kill(os.getpid(), signal.SIGTERM)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.mark.parametrize("kind", GREEN)
def test_every_answer_after_term_says_that_it_is_the_last(kind: str) -> None:
    with (
        Gate() as gate,
        Server(GATED, *flags(kind), env=gate.env) as server,
        server.connect() as one,
        server.connect() as other,
    ):
        waiting = []
        for connection in (one, other):
            connection.send(get(target="/wait"))
            waiting.append(gate.next_arrival())
        server.signal(signal.SIGTERM)
        server.wait_notification("STOPPING=1")
        for request in waiting:
            request.let_go()
        for connection in (one, other):
            assert connection.read_response().get("Connection") == "close"
        assert server.wait() == 0


@pytest.mark.parametrize("kind", ["sync", *OURS])
def test_promise_given_while_term_arrives_is_kept(kind: str) -> None:
    """With threads the head may be written before the main thread has heard of the signal."""
    with (
        Server("promising", *flags(kind), files={"promising.py": PROMISING}) as server,
        server.connect() as connection,
    ):
        # Another request first: a connection that has had none is treated with more patience.
        connection.send(get())
        assert connection.read_response().get("Connection") == "keep-alive"
        connection.send(get(target="/term"))
        if connection.read_response().get("Connection") == "keep-alive":
            # The time of a journey: the connection must not end meanwhile.
            assert not select.select([connection], [], [], 0.1)[0]
            connection.send(get())
            assert connection.read_response().get("Connection") == "close"
        assert connection.read_to_end() == b""


@pytest.mark.parametrize("kind", CLASSES)
def test_who_waits_outside_at_the_stop_is_served(kind: str) -> None:
    with Server(GATED, *flags(kind)) as server:
        (worker,) = server.worker_pids()
        os.kill(worker, signal.SIGSTOP)
        try:
            clients = [server.connect() for _ in range(20)]
            for client in clients:
                client.send(get())
            server.signal(signal.SIGTERM)
            server.wait_notification("STOPPING=1")  # the worker has been told
        finally:
            os.kill(worker, signal.SIGCONT)
        for client in clients:
            assert client.read_response().body == str(worker).encode()
            client.close()
        assert server.wait() == 0


@pytest.mark.parametrize("kind", ["sync", *OURS])
def test_master_says_which_request_a_death_has_cost(kind: str) -> None:
    with (
        Gate() as gate,
        Server(GATED, *flags(kind), env=gate.env, expect_errors=True) as server,
        server.connect() as connection,
        server.connect() as younger,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        if kind in CONCURRENT:
            younger.send(get(target="/stream"))
            gate.next_arrival().let_go()
            assert younger.read_response().status == 200
        with server.log_contains("while serving GET /wait for 127.0.0.1"):
            os.kill(waiting.pid, signal.SIGKILL)
