"""Started by root, served by somebody else (reference 3.10, B#12, B#23); needs root."""

from __future__ import annotations

import os
import pwd
import signal

import pytest

from tests.harness import Server, processes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

PID = "tests.apps.basic:pid"
NOBODY = pwd.getpwnam("nobody")
USER = ("--user", "nobody", "--group", str(NOBODY.pw_gid))
FILES = ("--log-file", "error.log", "--access-logfile", "access.log")


def test_workers_have_nothing_of_root() -> None:
    with Server(PID, *USER) as server:
        assert server.get().status == 200
        for pid in server.worker_pids():
            ids = processes.ids_of(pid)
            assert set(ids["Uid"]) == {NOBODY.pw_uid}
            assert set(ids["Gid"]) == {NOBODY.pw_gid}
            assert 0 not in ids["Groups"]
            assert ids["CapEff"] == [0]
        assert set(processes.ids_of(server.pid)["Uid"]) == {0}


def test_socket_and_logs_belong_to_the_user() -> None:
    with Server(PID, *USER, *FILES, bind="unix") as server:
        for name in ("socket", "error.log", "access.log"):
            assert (server.directory / name).stat().st_uid == NOBODY.pw_uid, name


def test_workers_reopen_log_files_made_by_root() -> None:
    """B#23."""
    with Server(PID, *USER, *FILES) as server:
        assert server.get().status == 200
        for name in ("error.log", "access.log"):
            path = server.directory / name
            path.rename(path.with_name(f"{name}.1"))
        with server.log_contains("Handling signal: usr1"):
            server.signal(signal.SIGUSR1)
        # the line of the request that shows the new file must be in it or in the old one
        count = 1
        fresh = server.directory / "access.log"
        while not fresh.exists() or not fresh.read_text():
            assert server.get().status == 200
            count += 1
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        lines = fresh.read_text() + fresh.with_name("access.log.1").read_text()
        assert len(lines.splitlines()) == count


def test_reload_as_another_user_keeps_the_master() -> None:
    with Server(PID, *USER, "-c", "conf.py", files={"conf.py": "workers = 1\n"}) as server:
        (old,) = server.wait_workers(lambda pids: len(pids) == 1)
        server.signal(signal.SIGHUP)
        server.wait_gone(old)
        for pid in server.worker_pids():
            assert set(processes.ids_of(pid)["Uid"]) == {NOBODY.pw_uid}
