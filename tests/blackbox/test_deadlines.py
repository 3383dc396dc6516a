"""The deadline of one request (``request_timeout``) in the classes that serve several at once."""

from __future__ import annotations

import pytest

from tests.blackbox.case import get
from tests.harness import Gate, Server
from tests.harness.classes import CONCURRENT, GREEN, flags

GATED = "tests.apps.gate:application"
RAW = "tests.apps.raw:application"
LATE = ("--request-timeout", "1", "--access-logfile", "-")


@pytest.mark.parametrize("listener", ["tcp", "tls"])
@pytest.mark.parametrize("kind", CONCURRENT)
def test_late_request_is_answered_503_and_its_worker_replaced(kind: str, listener: str) -> None:
    words = (*flags(kind), *LATE)
    with (
        Gate() as gate,
        Server(GATED, *words, env=gate.env, bind=listener, expect_errors=True) as server,
        server.connect() as late,
        server.connect() as begun,
    ):
        begun.send(get(target="/stream"))
        streaming = gate.next_arrival()
        late.send(get(target="/wait"))
        waiting = gate.next_arrival()
        with server.log_contains("request /wait has run for", "in pass_gate", "Booting worker"):
            response = late.read_response()
        assert (response.status, response.get("Retry-After")) == (503, "5")
        assert response.get("Connection") == "close"
        assert late.read_to_end() == b""
        if kind in GREEN:
            assert waiting.is_lost()
        # It takes nothing new: who comes now is served by the successor.
        assert int(server.get().body) != waiting.pid
        # Its other requests finish, and then it leaves.
        streaming.let_go()
        assert begun.read_response().body == b"first second"
        server.wait_gone(waiting.pid)
        assert '"GET /wait HTTP/1.1" 503' in server.log_text()


@pytest.mark.parametrize("kind", GREEN)
def test_application_that_will_not_end_answers_nobody(kind: str) -> None:
    words = (*flags(kind), *LATE)
    with (
        Gate() as gate,
        Server(RAW, *words, env=gate.env, expect_errors=True) as server,
        server.connect() as late,
    ):
        late.send(get(target="/stubborn"))
        gate.next_arrival()
        assert late.read_response().status == 503
        assert late.read_to_end() == b""
        assert server.get().status == 200
        assert "Error handling request" not in server.log_text()


@pytest.mark.parametrize("kind", GREEN)
def test_other_protocols_have_no_deadline(kind: str) -> None:
    words = (*flags(kind), *LATE)
    with (
        Gate() as gate,
        Server(RAW, *words, env=gate.env, expect_errors=True) as server,
        server.connect() as spoken,
        server.connect() as late,
    ):
        spoken.send(get("Upgrade: echo", "Connection: upgrade", target="/raw"))
        assert spoken.read_exactly(6) == b"ready\n"
        late.send(get(target="/wait"))
        gate.next_arrival()
        # The younger one is late: the older one was looked at before.
        assert late.read_response().status == 503
        spoken.send(b"hello")
        assert spoken.read_exactly(5) == b"HELLO"


@pytest.mark.parametrize("kind", GREEN)
def test_without_the_setting_a_request_may_wait_for_longer_than_the_timeout(kind: str) -> None:
    with (
        Gate() as gate,
        Server(RAW, *flags(kind), "--timeout", "1", env=gate.env) as server,
        server.connect() as connection,
        server.connect() as clock,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        for _ in range(5):  # half a second each
            clock.send(get(target="/sleep"))
            assert clock.read_response().status == 200
        waiting.let_go()
        assert connection.read_response().status == 200
