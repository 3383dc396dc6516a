"""Workers replaced while the server serves: the successor is ready before the old one goes."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from tests.harness import Gate, Server
from tests.harness.control import ask
from tests.harness.load import Load

PID = "tests.apps.basic:pid"

#: the first import passes; every later one waits at the gate
SLOW = """\
import os
from tests.apps import gate
if os.path.exists("slow.test"):
    gate.pass_gate()
from tests.apps.basic import pid as application
"""


def test_max_requests_under_load_costs_no_request_and_waits_for_no_import() -> None:
    with (
        Gate() as gate,
        Server("shop", "--max-requests", "50", files={"shop.py": SLOW}, env=gate.env) as server,
    ):
        (server.directory / "slow.test").touch()
        with Load(server) as load:
            for _ in range(3):
                importing = gate.next_arrival()
                # The only worker has passed its limit, and answers while its successor imports.
                load.wait_answers(len(load.answers) + 100)
                importing.let_go()
        assert load.failures == []
        assert len(set(load.answers)) >= 3


def test_import_of_two_seconds_delays_no_request_of_a_single_worker() -> None:
    slow = "import os, time\nif os.path.exists('slow.test'):\n    time.sleep(2)\n"
    slow += "from tests.apps.basic import pid as application\n"
    with Server("shop", "--max-requests", "50", files={"shop.py": slow}) as server:
        (server.directory / "slow.test").touch()
        with Load(server, clients=4) as load:
            while len(set(load.answers)) < 3 and not load.failures:
                load.wait_answers(len(load.answers) + 50)
        assert load.failures == []
        assert load.slowest < 0.5


def test_two_workers_at_their_limit_are_both_replaced() -> None:
    with Server(PID, "--max-requests", "30", "--workers", "2") as server:
        before = set(server.wait_workers(lambda pids: len(pids) == 2))
        with Load(server) as load:
            server.wait_workers(lambda pids: not before & set(pids))
        assert load.failures == []
        server.wait_workers(lambda pids: len(pids) == 2)


def test_successor_that_cannot_boot_costs_nothing() -> None:
    with Server(
        "shop", "--max-requests", "5", files={"shop.py": SLOW}, expect_errors=True
    ) as server:
        (worker,) = server.wait_workers(lambda pids: len(pids) == 1)
        (server.directory / "shop.py").write_text("raise RuntimeError('broken on disk')\n")
        with Load(server) as load, server.log_contains("workers keep dying early"):
            load.wait_answers(20)
        assert load.failures == []
        assert {int(answer) for answer in load.answers} == {worker}


def test_one_worker_less_goes_when_the_others_take_requests() -> None:
    """TTIN, then TTOU while the new worker imports: the oldest goes, but not before its time."""
    with Gate() as gate, Server("shop", files={"shop.py": SLOW}, env=gate.env) as server:
        (old,) = server.wait_workers(lambda pids: len(pids) == 1)
        (server.directory / "slow.test").touch()
        server.signal(signal.SIGTTIN)
        importing = gate.next_arrival()
        with server.log_contains("Handling signal: ttou"):
            server.signal(signal.SIGTTOU)
        assert int(server.get().body) == old
        importing.let_go()
        server.wait_gone(old)
        assert int(server.get().body) == importing.pid


def test_worker_beyond_its_age_is_replaced_under_load() -> None:
    with Server(PID, "--max-worker-age", "1", "--workers", "2") as server:
        before = set(server.wait_workers(lambda pids: len(pids) == 2))
        with Load(server) as load:
            server.wait_workers(lambda pids: not before & set(pids))
        assert load.failures == []
        assert "old, more than max_worker_age (1 s): replacing it" in server.log_text()


def test_worker_beyond_its_memory_is_replaced() -> None:
    leaky = """\
import os
hoard = []
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        hoard.append(b"x" * (96 << 20))
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
    with Server("shop", "--max-worker-rss", "90M", files={"shop.py": leaky}) as server:
        old = int(server.get("/leak").body)
        with server.log_contains("more than max_worker_rss (90.0 MiB): replacing it"):
            pass
        server.wait_gone(old)
        assert int(server.get().body) != old


def test_memory_limit_that_no_worker_can_keep_is_said_once_and_ignored() -> None:
    with Server(PID, "--max-worker-rss", "1M", "--workers", "2") as server:
        said = server.wait_log("max_worker_rss (1.0 MiB) is ignored", start=0)
        before = server.worker_pids()
        server.get()
        assert server.worker_pids() == before
        assert said.count("is ignored") == 1


# -- rolling reloads -------------------------------------------------------------------------------

CONF = "control_socket = 'control.test'\nreload_strategy = 'rolling'\nworkers = 3\n"


def test_rolling_reload_starts_one_worker_at_a_time() -> None:
    files = {"shop.py": SLOW, "conf.py": CONF}
    with Gate() as gate, Server("shop", "-c", "conf.py", files=files, env=gate.env) as server:
        before = set(server.wait_workers(lambda pids: len(pids) == 3))
        (server.directory / "slow.test").touch()
        verdicts: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: verdicts.append(ask(server, command="reload")))
        with Load(server) as load:
            thread.start()
            fresh: list[int] = []
            for number in range(3):
                importing = gate.next_arrival()
                pids = server.worker_pids()
                # As many as ever serve, and one imports.
                assert set(pids) - before == {*fresh, importing.pid}
                assert len(pids) == 4
                fresh.append(importing.pid)
                assert verdicts == []
                load.wait_answers(len(load.answers) + 20 + number)
                importing.let_go()
            thread.join()
        assert verdicts == [{"ok": True, "generation": 2}]
        assert load.failures == []
        server.wait_workers(lambda pids: pids == sorted(fresh))


@pytest.mark.parametrize("good", [0, 1])
def test_rolling_reload_that_fails_on_the_way_keeps_everybody_served(good: int) -> None:
    files = {"shop.py": SLOW, "conf.py": CONF}
    with (
        Gate() as gate,
        Server("shop", "-c", "conf.py", files=files, env=gate.env, expect_errors=True) as server,
    ):
        server.wait_workers(lambda pids: len(pids) == 3)
        (server.directory / "slow.test").touch()
        verdicts: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: verdicts.append(ask(server, command="reload")))
        with Load(server) as load:
            thread.start()
            for _ in range(good):
                gate.next_arrival().let_go()
            importing = gate.next_arrival()
            (server.directory / "slow.test").unlink()
            os.kill(importing.pid, signal.SIGKILL)
            thread.join()
            load.wait_answers(len(load.answers) + 20)
        assert verdicts[0]["ok"] is False
        assert "SIGKILL" in verdicts[0]["error"]
        assert load.failures == []
        server.wait_workers(lambda pids: len(pids) == 3)
        assert ask(server, command="status")["generation"] == 1
