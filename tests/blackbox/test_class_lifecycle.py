"""The life of a server with every worker class beside sync, which the other files put to the test.

What the master does for its workers must not depend on what they serve with.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.blackbox.test_lifecycle_reload import hang_up, replace, saying
from tests.blackbox.test_lifecycle_upgrade import finish, stop_successor, upgrade
from tests.harness import Load, Server
from tests.harness.classes import CLASSES, flags

OTHERS = [kind for kind in CLASSES if kind != "sync"]
PID = "tests.apps.basic:pid"


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
@pytest.mark.parametrize("kind", OTHERS)
def test_reload_to_new_and_broken_code_and_back_under_load(
    kind: str, preload: tuple[str, ...]
) -> None:
    given = {"shop.py": saying("code0")}
    words = (*flags(kind), *preload, "--workers", "2")
    with (
        Server("shop", *words, files=given, expect_errors=True) as server,
        Load(server, may_retry=True) as load,
    ):
        for code in ("code1", "", "code2"):
            load.wait_answers(len(load.answers) + 10)
            broken = "raise RuntimeError('planned')\n"
            replace(server.directory / "shop.py", saying(code) if code else broken)
            assert ("Reload failed" in hang_up(server)) == (not code)
            assert server.get().body == (code or "code1").encode()
        assert load.failures == []


@pytest.mark.parametrize("kind", OTHERS)
def test_numbers_and_replacements_under_load(kind: str) -> None:
    words = (*flags(kind), "--workers", "2", "--max-requests", "40")
    with Server(PID, *words) as server, Load(server, may_retry=True) as load:
        for number, count in ((signal.SIGTTIN, 3), (signal.SIGTTOU, 2), (signal.SIGTTOU, 1)):
            load.wait_answers(len(load.answers) + 20)
            server.signal(number)
            server.wait_workers(lambda pids, count=count: len(pids) == count)
        seen = len(set(load.answers))
        while len(set(load.answers)) < seen + 2 and not load.failures:
            load.wait_answers(len(load.answers) + 20)
        assert load.failures == []


@pytest.mark.parametrize("kind", OTHERS)
def test_killed_and_stopped_processes(kind: str) -> None:
    words = (*flags(kind), "--workers", "2", "--timeout", "2")
    with Server(PID, *words, expect_errors=["was sent SIGKILL"]) as server:
        victim, other = server.wait_workers(lambda pids: len(pids) == 2)
        with server.log_contains(f"Worker (pid:{victim}) was sent SIGKILL!", "Booting worker"):
            os.kill(victim, signal.SIGKILL)
        workers = server.wait_workers(lambda pids: len(pids) == 2 and victim not in pids)
        with server.log_contains(f"worker pid={other} age=2 is stopped", timeout=10):
            os.kill(other, signal.SIGSTOP)
        os.kill(other, signal.SIGCONT)
        assert int(server.get().body) in workers
        assert server.worker_pids() == workers
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        for pid in workers:
            server.wait_gone(pid)
        host, port = server.address
        with Server(PID, *flags(kind), bind=f"{host}:{port}") as again:
            assert again.get().status == 200


@pytest.mark.parametrize("kind", OTHERS)
def test_new_program_takes_over_under_load(kind: str) -> None:
    words = (*flags(kind), "--workers", "2", "--pid", "gunicorn.pid")
    with Server(PID, *words) as server, Load(server, may_retry=True) as load:
        load.wait_answers(20)
        new = upgrade(server)
        load.wait_answers(len(load.answers) + 20)
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        load.wait_answers(len(load.answers) + 20)
        assert load.failures == []
        load.__exit__()
        stop_successor(server, new)
