"""Reloads and deaths while clients ask without a pause: nobody is refused, cut off or delayed."""

from __future__ import annotations

import signal

import pytest

from tests.blackbox.test_lifecycle_reload import hang_up, replace, saying
from tests.harness import Gate, Load, Server

STRATEGIES = [(), ("--preload",)]


@pytest.mark.parametrize("flags", STRATEGIES, ids=["", "preload"])
def test_twenty_reloads_with_changing_code(flags: tuple[str, ...]) -> None:
    given = {"shop.py": saying("code0")}
    with Server("shop", "--workers", "2", *flags, files=given) as server, Load(server) as load:
        for number in range(1, 21):
            load.wait_answers(len(load.answers) + 5)
            replace(server.directory / "shop.py", saying(f"code{number}"))
            assert "Reload failed" not in hang_up(server)
            assert server.get().body == b"code%d" % number
        assert load.failures == []
        assert {b"code%d" % number for number in range(20)} <= set(load.answers)


@pytest.mark.parametrize("flags", STRATEGIES, ids=["", "preload"])
def test_reload_with_an_import_that_takes_its_time(flags: tuple[str, ...]) -> None:
    """As long as the test likes: the old code answers, and as fast as ever."""
    slow = (
        "from tests.apps import gate\n"
        "list(gate.application({'PATH_INFO': '/wait'}, lambda status, headers: None))\n"
    )
    given = {"shop.py": saying("old")}
    with Gate() as gate, Server("shop", *flags, files=given, env=gate.env) as server:
        replace(server.directory / "shop.py", slow + saying("new"))
        with Load(server) as load:
            count = server.notifications.count("READY=1")
            server.signal(signal.SIGHUP)
            waiting = gate.next_arrival()
            load.wait_answers(len(load.answers) + 200)
            assert set(load.answers) == {b"old"}
            assert server.notifications.count("READY=1") == count
            waiting.let_go()
            server.wait_notification("READY=1", count + 1)
            assert server.get().body == b"new"
            assert load.failures == []


def test_kill_of_the_master_frees_the_port() -> None:
    with Server("tests.apps.basic:pid", "--workers", "3") as server:
        workers = server.worker_pids()
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        for pid in workers:
            server.wait_gone(pid)
        host, port = server.address
        with Server("tests.apps.basic:pid", bind=f"{host}:{port}") as again:
            assert again.get().status == 200
