"""The figures of a server: sampled without a fork, and as ``status`` tells them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from gunicorn.master import children
from gunicorn.master.scoreboard import SAMPLE_SECONDS, Scoreboard, describe
from gunicorn.system import clock
from gunicorn.system.memory import WorkerSlot, pack_peer
from tests.harness import Gate, Server
from tests.harness.control import ask


def crew_of(*slots: WorkerSlot) -> children.Children:
    made = children.Children()
    for age, slot in enumerate(slots, 1):
        # This process stands for each of them: the kernel knows its memory.
        pid = os.getpid() if age == 1 else 0
        made.update(children.Spawned(pid, age, 1, SimpleNamespace(tmp=slot), 0.0))
    return made


def serve(slot: WorkerSlot, count: int, took: float = 0.001) -> None:
    for _ in range(count):
        slot.begin_request("GET", "/", pack_peer("127.0.0.1", "1"))
        slot.end_request(took)


def test_rate_is_that_of_the_last_samples() -> None:
    slot = WorkerSlot()
    board = Scoreboard(crew_of(slot))
    assert board.rate == 0.0
    serve(slot, 1000)
    board.sample(10.0)
    assert board.rate == 0.0
    serve(slot, 30)
    board.sample(13.0)
    assert board.rate == 10.0
    for instant in range(14, 30):
        board.sample(float(instant))
    assert board.rate == 0.0
    slot.close()


def test_requests_of_the_dead_are_not_forgotten() -> None:
    first, second = WorkerSlot(), WorkerSlot()
    crew = crew_of(first, second)
    board = Scoreboard(crew)
    serve(first, 3)
    serve(second, 4)
    gone = crew.update(children.Reaped(0))
    assert gone is not None
    board.buried(gone)
    assert board.requests == 7
    first.close()
    second.close()


def test_latency_is_recent_and_that_of_the_dead_counts() -> None:
    first, second = WorkerSlot(), WorkerSlot()
    crew = crew_of(first, second)
    board = Scoreboard(crew)
    assert board.latency == {"p50": None, "p95": None}
    serve(first, 1000, 5.0)
    assert board.latency["p50"] == pytest.approx(5.0, rel=0.1)
    board.sample(10.0)
    assert board.latency == {"p50": None, "p95": None}, "what was before the sample is over"
    serve(first, 50, 0.01)
    serve(second, 40, 0.01)
    serve(second, 10, 2.0)
    gone = crew.update(children.Reaped(0))
    assert gone is not None
    board.buried(gone)
    assert board.latency["p50"] == pytest.approx(0.01, rel=0.1)
    assert board.latency["p95"] == pytest.approx(2.0, rel=0.1)
    first.close()
    second.close()


def test_samples_are_due_at_their_interval() -> None:
    board = Scoreboard(children.Children())
    assert board.is_due(5.0)
    board.sample(5.0)
    assert not board.is_due(5.0 + SAMPLE_SECONDS - 0.1)
    assert board.is_due(5.0 + SAMPLE_SECONDS)


def test_record_of_a_worker() -> None:
    slot = WorkerSlot()
    crew = crew_of(slot)
    board = Scoreboard(crew)
    board.sample(1.0)
    (child,) = crew
    now = clock.monotonic()
    record = describe(child, now)
    assert (record["busy_seconds"], record["request"], record["state"]) == (None, None, "starting")
    assert record["rss"] > 1 << 20
    slot.begin_request("POST", "/cart", pack_peer("::1", "99"))
    record = describe(child, now)
    assert record["request"] == {"method": "POST", "path": "/cart", "peer": "[::1]:99"}
    assert board.load() == "1 busy, 0.0 requests/s"
    slot.close()


def test_status_tells_what_a_worker_is_at() -> None:
    files = {"conf.py": "control_socket = 'control.test'\n"}
    with (
        Gate() as gate,
        Server("tests.apps.gate", "-c", "conf.py", env=gate.env, files=files) as server,
        server.connect() as connection,
    ):
        connection.send(b"GET /wait?secret=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting = gate.next_arrival()
        status = ask(server, command="status")
        (worker,) = status["workers"]
        host, port = connection.sock.getsockname()
        assert worker["pid"] == waiting.pid
        assert worker["request"] == {"method": "GET", "path": "/wait", "peer": f"{host}:{port}"}
        assert worker["busy_seconds"] > 0
        assert worker["rss"] > 1 << 20
        assert worker["silent_seconds"] < 30
        assert (status["workers_wanted"], status["workers_busy"]) == (1, 1)
        assert status["latency"] == {"p50": None, "p95": None}
        waiting.let_go()
        assert connection.read_response().status == 200
        # The answer is out a moment before the request is counted.
        while (status := ask(server, command="status"))["requests"] < 1:
            pass
        assert status["workers"][0]["request"] is None
        assert 0 < status["latency"]["p50"] <= status["latency"]["p95"] < 30
        server.wait_notification(
            "STATUS=generation 1: 1 of 1 workers ready, 0 busy, 0.0 requests/s"
        )
