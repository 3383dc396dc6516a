"""The life of a server, as the lifecycle tests live it with sync, with every other class.

The tests themselves are those of ``test_lifecycle_signals`` and ``test_lifecycle_reload``; here
their servers are given another class.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.blackbox import test_lifecycle_reload as reload_module
from tests.blackbox import test_lifecycle_signals as signals_module
from tests.blackbox.case import get
from tests.harness import Gate, Server
from tests.harness.classes import CLASSES, flags
from tests.harness.control import ask

Life = Callable[[], None]

#: what each class goes through
LIVES: dict[str, tuple[ModuleType, Life]] = {
    life.__name__: (module, life)
    for module, lives in {
        signals_module: (
            signals_module.test_idle_connections_do_not_delay_the_stop,
            signals_module.test_second_signal_makes_a_graceful_stop_quick,
            signals_module.test_ttin_and_ttou_change_the_number_of_workers,
            signals_module.test_requests_of_a_killed_worker_end,
            signals_module.test_worker_retires_after_max_requests_without_losing_one,
            signals_module.test_connection_outlives_the_workers_that_max_requests_replaces,
        ),
        reload_module: (
            reload_module.test_new_code_serves,
            reload_module.test_broken_code_keeps_every_worker_of_the_old,
            reload_module.test_request_in_flight_is_finished_by_the_old_worker,
            reload_module.test_hooks_of_a_life_are_called_in_order,
        ),
    }.items()
    for life in lives
}
#: what a class does not promise: gevent's server does not say which answer is a connection's last
NOT = {
    "gevent_pywsgi": {"test_connection_outlives_the_workers_that_max_requests_replaces"},
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in CLASSES
        for name in LIVES
        if kind != "sync" and name not in NOT.get(kind, ())
    ],
)
def test_life(monkeypatch: pytest.MonkeyPatch, kind: str, name: str) -> None:
    module, life = LIVES[name]
    words = flags(kind)

    def serve(app: object, *more: str, **settings: object) -> Server:
        return Server(app, *words, *more, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "Server", serve)
    life()


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind != "sync"])
def test_workers_leave_when_the_master_is_killed(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    words = flags(kind)
    monkeypatch.setattr(
        signals_module, "Server", lambda app, *more, **keys: Server(app, *words, *more, **keys)
    )
    signals_module.test_workers_leave_when_the_master_is_killed("tcp")
    signals_module.test_quick_stop_does_not_wait(signal.SIGQUIT)


@pytest.mark.parametrize(
    ("kind", "app"),
    [*((kind, "tests.apps.gate") for kind in CLASSES), ("tornado", "tests.apps.native")],
)
def test_status_shows_what_a_worker_is_at_and_has_done(kind: str, app: str) -> None:
    words = (*flags(kind), "--control-socket", "control.test")
    with (
        Gate() as gate,
        Server(f"{app}:application", *words, env=gate.env) as server,
        server.connect() as connection,
    ):
        for _ in range(3):
            assert server.get().status == 200
        connection.send(get(target="/wait?secret"))
        waiting = gate.next_arrival()
        [worker] = ask(server, command="status")["workers"]
        assert worker["requests"] == 3
        assert worker["busy_seconds"] is not None
        assert (worker["request"]["method"], worker["request"]["path"]) == ("GET", "/wait")
        assert worker["request"]["peer"].startswith("127.0.0.1:")
        waiting.let_go()
        assert connection.read_response().status == 200
