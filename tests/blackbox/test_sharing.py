"""Nobody waits for a busy worker while a sibling is idle (design, section 5; issue 3)."""

from __future__ import annotations

import contextlib

import pytest

from tests.blackbox.case import get, message
from tests.harness import Connection, Gate, Server

APP = "tests.apps.gate:application"
KEPT = ("--workers", "2", "--keep-alive", "60")


def ask(connection: Connection, target: str = "/quick") -> int:
    """Ask who serves this connection now."""
    connection.send(get(target=target))
    return int(connection.read_response().body)


@pytest.mark.parametrize("bind", ["tcp", "unix"])
def test_new_connections_go_to_the_idle_sibling(bind: str) -> None:
    with Gate() as gate, Server(APP, *KEPT, env=gate.env, bind=bind) as server:
        server.wait_workers(lambda pids: len(pids) == 2)
        with server.connect() as slow:
            slow.send(get(target="/wait"))
            waiting = gate.next_arrival()
            for _ in range(20):
                assert int(server.get("/quick").body) != waiting.pid
            waiting.let_go()
            assert int(slow.read_response().body) == waiting.pid


@pytest.mark.parametrize("bind", ["tcp", "unix"])
def test_kept_connections_move_to_the_idle_sibling(bind: str) -> None:
    with (
        Gate() as gate,
        Server(APP, *KEPT, env=gate.env, bind=bind) as server,
        contextlib.ExitStack() as stack,
    ):
        server.wait_workers(lambda pids: len(pids) == 2)
        kept = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in kept:
            ask(connection)
        slow = stack.enter_context(server.connect())
        slow.send(get(target="/wait"))
        waiting = gate.next_arrival()
        # twice: what has moved must be in step, and a normal connection, where it is now
        for _ in range(2):
            assert waiting.pid not in {ask(connection) for connection in kept}
        waiting.let_go()
        assert int(slow.read_response().body) == waiting.pid
        for connection in kept:
            ask(connection)


def test_half_sent_requests_move_with_what_was_read() -> None:
    with (
        Gate() as gate,
        Server(APP, *KEPT, env=gate.env) as server,
        contextlib.ExitStack() as stack,
    ):
        server.wait_workers(lambda pids: len(pids) == 2)
        begun = [stack.enter_context(server.connect()) for _ in range(20)]
        head = message("POST /quick HTTP/1.1", "Host: a", "Content-Length: 10")
        for at, connection in enumerate(begun):
            connection.send((head + b"0123456789")[: 5 + at * 3])
        # a served request shows that what was sent before it has been seen by its worker
        while len({int(server.get("/quick").body) for _ in range(5)}) < 2:
            pass
        slow = stack.enter_context(server.connect())
        slow.send(get(target="/wait"))
        waiting = gate.next_arrival()
        for at, connection in enumerate(begun):
            connection.send((head + b"0123456789")[5 + at * 3 :])
            assert int(connection.read_response("POST").body) != waiting.pid
        waiting.let_go()
        assert slow.read_response().status == 200


def test_pipelined_requests_behind_a_slow_one_keep_their_order() -> None:
    with Gate() as gate, Server(APP, *KEPT, env=gate.env) as server, server.connect() as connection:
        server.wait_workers(lambda pids: len(pids) == 2)
        connection.send(get(target="/wait") + get(target="/quick") * 3)
        waiting = gate.next_arrival()
        waiting.let_go()
        assert int(connection.read_response().body) == waiting.pid
        for _ in range(3):
            assert connection.read_response().status == 200


def test_everybody_is_served_when_all_workers_were_busy() -> None:
    with (
        Gate() as gate,
        Server(APP, *KEPT, env=gate.env) as server,
        contextlib.ExitStack() as stack,
    ):
        server.wait_workers(lambda pids: len(pids) == 2)
        kept = [stack.enter_context(server.connect()) for _ in range(10)]
        for connection in kept:
            ask(connection)
        slow = [stack.enter_context(server.connect()) for _ in range(2)]
        arrived = []
        for connection in slow:
            connection.send(get(target="/wait"))
            arrived.append(gate.next_arrival())
        assert arrived[0].pid != arrived[1].pid
        for connection in kept:
            connection.send(get(target="/quick"))
        for waiting in arrived:
            waiting.let_go()
        for connection in [*kept, *slow]:
            assert connection.read_response().status == 200


def test_tls_connections_stay_and_are_served_in_turn() -> None:
    with (
        Gate() as gate,
        Server(APP, *KEPT, env=gate.env, bind="tls") as server,
        contextlib.ExitStack() as stack,
    ):
        server.wait_workers(lambda pids: len(pids) == 2)
        kept = [stack.enter_context(server.connect()) for _ in range(10)]
        homes = [ask(connection) for connection in kept]
        slow = stack.enter_context(server.connect())
        slow.send(get(target="/wait"))
        waiting = gate.next_arrival()
        for connection in kept:
            connection.send(get(target="/quick"))
        waiting.let_go()
        for connection, home in zip(kept, homes, strict=True):
            assert int(connection.read_response().body) == home


def test_stop_while_connections_are_moving() -> None:
    """A graceful stop answers what it has taken, wherever it is at that moment."""
    with (
        Gate() as gate,
        Server(APP, *KEPT, env=gate.env) as server,
        contextlib.ExitStack() as stack,
    ):
        server.wait_workers(lambda pids: len(pids) == 2)
        slow = [stack.enter_context(server.connect()) for _ in range(2)]
        arrived = []
        for connection in slow:
            connection.send(get(target="/wait"))
            arrived.append(gate.next_arrival())
        behind = [stack.enter_context(server.connect()) for _ in range(4)]
        for connection in behind:
            connection.send(get(target="/quick"))
        arrived[0].let_go()
        for connection in behind:
            assert connection.read_response().status == 200
        with server.log_contains("Handling signal: term"):
            server.signal(15)
        arrived[1].let_go()
        for connection in slow:
            assert connection.read_response().status == 200
        assert server.wait() == 0
