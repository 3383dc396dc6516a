"""What is asked before a move: would what is on disk start, and then the start beside the old."""

from __future__ import annotations

import os
import signal

from tests.harness import Server
from tests.harness.control import ask
from tests.master.test_processes import app, controlled


def pid_of(server: Server, name: str = "gunicorn.pid") -> int:
    return int((server.directory / name).read_text())


def test_check_tries_the_program_on_disk_and_moves_nothing() -> None:
    with controlled("--workers", "2") as server:
        before = server.worker_pids()
        assert ask(server, command="check") == {"ok": True}
        (server.directory / "shop.py").write_text("import no_such_module_at_all\n")
        verdict = ask(server, command="check")
        assert verdict["ok"] is False
        assert verdict["error"].endswith("No module named 'no_such_module_at_all'")
        assert 'shop.py", line 1' in verdict["traceback"]
        (server.directory / "conf.py").write_text("no python at all\n")
        assert "conf.py" in ask(server, command="check")["traceback"]
        assert server.worker_pids() == before
        assert server.get().body == b"one"


def test_check_has_the_time_that_a_start_has() -> None:
    with controlled("--boot-timeout", "1") as server:
        (server.directory / "shop.py").write_text("import threading\nthreading.Event().wait()\n")
        verdict = ask(server, command="check")
        assert verdict["error"] == "not loaded within boot_timeout (1 s)"


def test_check_says_more_than_a_pipe_holds() -> None:
    with controlled() as server:
        (server.directory / "shop.py").write_text("print('x' * 1_000_000)\nraise OSError('end')\n")
        verdict = ask(server, command="check")
        assert verdict["error"] == "OSError: end"
        assert len(verdict["traceback"]) <= 8192


def test_upgrade_answers_with_the_new_master_and_refuses_a_third() -> None:
    with controlled("--pid", "gunicorn.pid") as server:
        count = server.notifications.count("READY=1")
        answer = ask(server, command="upgrade")
        server.wait_notification("READY=1", count + 1)
        assert answer == {"ok": True, "pid": pid_of(server)}
        refused = ask(server, command="upgrade")
        assert refused["error"] == f"there is another master already (pid:{server.pid})"
        status = ask(server, command="status")
        assert (status["pid"], status["phase"]) == (answer["pid"], "running")
        os.kill(answer["pid"], signal.SIGTERM)
        server.wait_gone(answer["pid"])


def test_upgrade_that_fails_leaves_the_old_master_its_name() -> None:
    with controlled("--pid", "gunicorn.pid", expect_errors=True) as server:
        (server.directory / "shop.py").write_text("import no_such_module_at_all\n")
        with server.log_contains("this one goes on"):
            assert ask(server, command="upgrade")["ok"] is True
        assert ask(server, command="status")["pid"] == server.pid == pid_of(server)
        (server.directory / "shop.py").write_text(app("two"))
        assert ask(server, command="check") == {"ok": True}
        assert server.get().body == b"one"
