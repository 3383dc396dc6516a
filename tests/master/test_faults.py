"""What happens to real servers: killed, stopped, without disk, under storms of signals."""

from __future__ import annotations

import contextlib
import os
import random
import signal

import pytest

from tests.harness import Server, ServerFailed, processes, run_gunicorn
from tests.harness.control import ask
from tests.harness.load import Load

PID = "tests.apps.basic:pid"
HELLO = "tests.apps.basic:hello"

GOOD = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"%s"]
"""
CONTROL = "control_socket = 'control.test'\n"


def has_the_wanted_number(server: Server) -> bool:
    """Wait until as many workers live as are wanted, which waiting signals may still change."""

    def is_settled(pids: list[int]) -> bool:
        status = ask(server, command="status")
        return status["phase"] == "running" and len(pids) == status["workers_wanted"] >= 1

    return bool(server.wait_workers(is_settled))


def test_storm_of_ttin_and_ttou_under_load_fails_no_request() -> None:
    choice = random.Random(7)
    files = {"conf.py": CONTROL + "workers = 2\n"}
    with Server(PID, "-c", "conf.py", files=files) as server:
        with Load(server) as load:
            for _ in range(30):
                server.signal(choice.choice([signal.SIGTTIN, signal.SIGTTOU]))
                load.wait_answers(len(load.answers) + 5)
        assert load.failures == []
        assert has_the_wanted_number(server)


def test_killed_workers_under_load_cost_their_own_requests_alone() -> None:
    """New connections are never refused: the listening socket is the master's."""
    with Server(PID, "--workers", "2", expect_errors=["was sent SIGKILL", "dying early"]) as server:
        for _ in range(3):
            before = server.wait_workers(lambda pids: len(pids) == 2)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            # Waits in the listening queue until a new worker takes it.
            assert int(server.get().body) not in before


def test_workers_serve_while_their_master_is_stopped() -> None:
    """For longer than their timeout; and when it goes on, older beats than theirs are no evidence.

    One of them is stopped for a moment, too.
    """
    with Server(PID, "--workers", "2", "--timeout", "1") as server:
        before = server.wait_workers(lambda pids: len(pids) == 2)
        os.kill(server.pid, signal.SIGSTOP)
        with Load(server) as load:
            os.kill(before[0], signal.SIGSTOP)
            load.wait_answers(50)
            os.kill(before[0], signal.SIGCONT)
            assert not processes.wait_gone(server.pid, 2.5)
        os.kill(server.pid, signal.SIGCONT)
        with server.log_contains("Handling signal: usr1"):
            server.signal(signal.SIGUSR1)
        assert load.failures == []
        assert server.worker_pids() == before


def test_full_disk_for_the_pid_file_is_one_line_and_leaves_nothing() -> None:
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    words = ("-c", "conf.py", "--pid", "gunicorn.pid", "--bind", "127.0.0.1:0", HELLO)
    done = run_gunicorn(*words, files={"conf.py": full})
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "Can't create pidfile 'gunicorn.pid': File too large" in line
    assert "Traceback" not in done.stderr
    assert done.files == {}


def test_application_that_becomes_unreadable_is_told_and_withdrawn() -> None:
    files = {"conf.py": CONTROL, "shop.py": GOOD % "one"}
    flags = ("--user", "nobody", "--group", "nogroup") if os.geteuid() == 0 else ()
    with Server("shop", "-c", "conf.py", *flags, files=files, expect_errors=True) as server:
        server.directory.chmod(0o755)
        (server.directory / "shop.py").chmod(0o000)
        with Load(server) as load:
            verdict = ask(server, command="reload")
        assert verdict["ok"] is False
        assert "PermissionError" in verdict["error"]
        assert "shop.py" in verdict["error"]
        (server.directory / "shop.py").chmod(0o644)
        (server.directory / "shop.py").write_text(GOOD % "two")
        assert ask(server, command="reload")["ok"] is True
        assert load.failures == []
        assert set(load.answers) == {b"one"}
        assert server.get().body == b"two"


def test_reloads_in_a_row_with_changing_code_under_load() -> None:
    files = {"conf.py": CONTROL + "workers = 2\n", "shop.py": GOOD % "000"}
    with Server("shop", "-c", "conf.py", files=files) as server:
        with Load(server) as load:
            for number in range(1, 21):
                (server.directory / "shop.new").write_text(GOOD % f"{number:03d}")
                (server.directory / "shop.new").rename(server.directory / "shop.py")
                assert ask(server, command="reload") == {"ok": True, "generation": number + 1}
        assert load.failures == []
        assert len(set(load.answers)) >= 10
        assert server.get().body == b"020"


def test_hundred_mixed_signals_and_deaths_end_with_the_wanted_number() -> None:
    choice = random.Random(11)
    kinds = [signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGWINCH]
    files = {"conf.py": CONTROL + "workers = 2\n"}
    with Server(PID, "-c", "conf.py", files=files, expect_errors=True) as server:
        for number in range(100):
            server.signal(choice.choice(kinds))
            if number % 25 == 0:
                for pid in server.worker_pids()[:1]:
                    with contextlib.suppress(ProcessLookupError):  # a reload may have retired it
                        os.kill(pid, signal.SIGKILL)
        assert ask(server, command="reload")["ok"] is True
        assert has_the_wanted_number(server)
        assert server.get().status == 200


def test_winch_stops_the_workers_of_a_daemon_and_ttin_brings_one_back() -> None:
    flags = ("--daemon", "--pid", "gunicorn.pid", "--log-file", "error.log", "--workers", "2")
    with Server(PID, *flags) as server:
        server.wait_workers(lambda pids: len(pids) == 2)
        with server.log_contains("graceful stop of workers"):
            server.signal(signal.SIGWINCH)
        server.wait_workers(lambda pids: not pids)
        # The listening socket stays: a client waits there for the worker to come.
        with server.connect() as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            server.signal(signal.SIGTTIN)
            (worker,) = server.wait_workers(lambda pids: len(pids) == 1)
            assert int(connection.read_response().body) == worker
        server.signal(signal.SIGHUP)
        server.wait_workers(lambda pids: len(pids) == 2 and worker not in pids)


def test_worker_that_never_boots_ends_the_first_start() -> None:
    files = {"shop.py": "import threading\nthreading.Event().wait()\n"}
    with pytest.raises(ServerFailed, match="ended with 3") as caught:
        Server("shop", "--boot-timeout", "1", files=files).__enter__()
    said = "".join(caught.value.__notes__)
    assert "Reason: Worker failed to boot. Worker (pid:" in said
    assert "(boot timeout), while it booted" in said
