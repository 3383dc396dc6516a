"""The worker classes beside sync: the same rows and the same life, as far as each promises them.

All of them speak HTTP by the same code, and the sync worker plays every row in every way: here a
row is played once, whole, on one of the classes in turn. With GUNICORN_TEST_ALL_CLASSES in the
environment every class plays every row.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable

import pytest

from tests.blackbox import test_lifecycle_signals as signals_module
from tests.blackbox import test_requests
from tests.blackbox.case import Case
from tests.harness import Server, run_gunicorn
from tests.harness.classes import CLASSES, GREEN, OURS, flags
from tests.harness.client import Response
from tests.harness.fleet import Fleet

#: sync has its own tests
OTHERS = [kind for kind in CLASSES if kind != "sync"]
HELLO = "tests.apps.basic:hello"

LIFE: list[Callable[..., None]] = [
    signals_module.test_term_lets_the_request_in_flight_finish,
    signals_module.test_term_lets_the_response_in_flight_finish,
    signals_module.test_graceful_timeout_ends_the_waiting,
]


def config(kind: str) -> str:
    flags(kind)
    return f"\nworker_class = {kind!r}\nthreads = 4\n"


@pytest.mark.parametrize("listener", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("kind", OTHERS)
def test_every_kind_of_listener(fleet: Fleet, kind: str, listener: str) -> None:
    server = fleet.server(HELLO, *flags(kind), bind=listener)
    with server.connect() as connection:
        for _ in range(3):
            connection.send(test_requests.get(target="/"))
            response: Response = connection.read_response("GET")
            assert (response.status, response.body) == (200, b"hello")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for number, name in enumerate(test_requests.CASES)
        for turn, kind in enumerate(OURS)
        if number % len(OURS) == turn or "GUNICORN_TEST_ALL_CLASSES" in os.environ
    ],
)
def test_row(fleet: Fleet, kind: str, name: str) -> None:
    case: Case = test_requests.CASES[name]
    profile = dataclasses.replace(case.profile, config=case.profile.config + config(kind))
    server = profile.serve(fleet, case.profile.listeners[0], "tests.apps.basic:echo")
    changed = dict(case.environ)
    if "wsgi.multithread" in changed:
        changed["wsgi.multithread"] = kind != "tornado"
    test_requests.feed_whole(server, dataclasses.replace(case, environ=changed))


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        pytest.param(kind, case, id=f"{kind}-{case.__name__}")
        for kind in OTHERS
        for case in LIFE
        if kind in (*GREEN, "tornado")
        or case is signals_module.test_graceful_timeout_ends_the_waiting
    ],
)
def test_life(monkeypatch: pytest.MonkeyPatch, kind: str, case: Callable[..., None]) -> None:
    # (A thread may write its head while the main one is about to hear of TERM: see test_gthread.)
    words = flags(kind)

    def serve(app: str, *more: str, **settings: object) -> Server:
        return Server(app, *words, *more, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(signals_module, "Server", serve)
    case()


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGQUIT"])
@pytest.mark.parametrize("kind", OTHERS)
def test_stop(monkeypatch: pytest.MonkeyPatch, kind: str, number: str) -> None:
    serve = functools.partial(_serve, flags(kind))
    monkeypatch.setattr(signals_module, "Server", serve)
    signals_module.test_stop(getattr(signals_module.signal, number), "tcp")


def _serve(words: tuple[str, ...], app: str, *more: str, **settings: object) -> Server:
    return Server(app, *words, *more, **settings)  # type: ignore[arg-type]


# -- green threads ---------------------------------------------------------------------------------

RAW = "tests.apps.raw:application"


@pytest.mark.parametrize("listener", ["tcp", "tls"])
@pytest.mark.parametrize("kind", GREEN)
def test_application_speaks_on_the_socket_itself(fleet: Fleet, kind: str, listener: str) -> None:
    server = fleet.server(RAW, *flags(kind), "--access-logfile", "-", bind=listener)
    with server.connect() as connection:
        connection.send(test_requests.get(target="/raw"))
        assert connection.read_exactly(6) == b"ready\n"
        connection.send(b"hello")
        assert connection.read_exactly(5) == b"HELLO"
    assert "/raw" not in server.log_text()


@pytest.mark.parametrize("kind", [*GREEN, "gevent_pywsgi"])
def test_requests_that_wait_do_not_wait_for_each_other(fleet: Fleet, kind: str) -> None:
    server = fleet.server(RAW, *flags(kind))
    connections = [server.connect() for _ in range(100)]
    begun = time.monotonic()
    for connection in connections:
        connection.send(test_requests.get(target="/sleep"))
    for connection in connections:
        assert connection.read_response("GET").status == 200
        connection.close()
    # One after the other they would take 50 seconds.
    assert time.monotonic() - begun < 25


@pytest.mark.parametrize("kind", [*GREEN, "gevent_pywsgi"])
def test_programs_can_be_run(fleet: Fleet, kind: str) -> None:
    assert fleet.server(RAW, *flags(kind)).get("/subprocess").status == 200


@pytest.mark.parametrize("kind", GREEN)
def test_blocked_hub_is_noticed(kind: str) -> None:
    with (
        Server(RAW, *flags(kind), "--timeout", "1", expect_errors=True) as server,
        server.connect() as connection,
    ):
        with server.log_contains("WORKER TIMEOUT", "Booting worker"):
            connection.send(test_requests.get(target="/block"))
        assert server.get().status == 200


@pytest.mark.parametrize("kind", GREEN)
def test_connections_beyond_the_cap_wait_outside(kind: str) -> None:
    with Server(RAW, *flags(kind), "--worker-connections", "2") as server:
        idle = [server.connect() for _ in range(2)]
        for connection in idle:
            connection.send(test_requests.get(target="/"))
            assert connection.read_response("GET").status == 200
        with server.connect() as third:
            third.send(test_requests.get(target="/"))
            idle[0].close()
            assert third.read_response("GET").status == 200
        idle[1].close()


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_missing_library_is_one_line(library: str) -> None:
    absent = "raise ImportError('not here')\n"
    done = run_gunicorn("-k", library, HELLO, files={f"{library}.py": absent})
    assert done.returncode == 1
    told = f"You need {library} installed to use this worker: apt-get install python3-{library}"
    assert told in done.stderr
    assert "Traceback" not in done.stderr
