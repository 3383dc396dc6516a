"""Subclasses and wrappers that plugins bring: each is called, and the server serves (10.3)."""

from __future__ import annotations

import signal
import sys

from tests.harness.launcher import APPS, Launched

#: (Not imported here: its setting would be one of this process too.)
FILES = {"plugins.py": (APPS / "plugins.py").read_text()}
WRAPPED = (
    "Application.wsgi",
    "Worker.init_process",
    "Worker.notify",
    "SyncWorker.handle",
    "SyncWorker.handle_request",
)


def serve(*words: str, expect_errors: tuple[str, ...] = ()) -> Launched:
    command = [sys.executable, "plugins.py", "--bind", "{bind}", *words, "plugins:application"]
    return Launched(*command, files=FILES, expect_errors=expect_errors)


def test_subclass_of_the_sync_worker_and_a_setting_and_wrappers() -> None:
    words = ("-k", "plugins.Stamped", "--greeting", "good morning")
    with serve(*words, expect_errors=("as the test wants", "Error handling request")) as server:
        assert server.get("/a?b").body == b"hello"
        assert server.get("/fail").status == 500
        with server.log_contains("mine: InvalidHeader of None"):
            assert server.request(b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n").status == 400
        text = server.log_text()
        assert "good morning GET /a?b from 127.0.0.1 at 127.0.0.1" in text
        assert "mine: RuntimeError of /fail" in text
        for name in WRAPPED:
            assert f"wrapped {name}\n" in text
        with server.log_contains("mine: quitting"):
            server.signal(signal.SIGQUIT)
        assert server.wait() == 0


def test_worker_with_a_loop_of_its_own() -> None:
    with serve("-k", "plugins.Own", "--workers", "2", "--timeout", "4") as server:
        assert server.get().body == b"hello"
        with server.log_contains("Reloaded: generation 2"):
            server.signal(signal.SIGHUP)
        assert server.get().body == b"hello"


def test_subclass_of_the_logger() -> None:
    words = ("--access-logfile", "-", "--access-logformat", "%(U)s %(mine)s")
    with serve("--logger-class", "plugins.Telling", *words) as server:
        assert server.get("/page").status == 200
        assert server.get("/health").status == 200
        assert server.get("/end").status == 200
        text = server.wait_log("/page an atom of mine\n", "/end an atom of mine\n", start=0)
        assert "/health" not in text
