"""What the log says when a worker dies: the sentence, then real deaths."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest

from gunicorn.master import children
from gunicorn.master.children import Child
from gunicorn.master.deaths import explain, occupation
from gunicorn.system.memory import Current
from tests.harness import Gate, Server
from tests.harness.client import Connection
from tests.harness.control import ask

CART = Current("GET", "/cart", "10.0.0.7:4711", 3.21)
OUTSIDE = "from outside: not by this server, nor by the kernel's OOM killer"


def worker(*messages: children.Message, ready: bool = True) -> Child:
    crew = children.Children()
    crew.update(children.Spawned(12, 3, 1, SimpleNamespace(), 0.0))
    if ready:
        crew.update(children.Ready(12, 1.0))
    for message in messages:
        crew.update(message)
    child = crew.get(12)
    assert child is not None
    return child


SERVING = "while serving GET /cart for 10.0.0.7:4711, begun 3.2 s before"


@pytest.mark.parametrize(
    ("code", "oom", "told"),
    [
        (-signal.SIGKILL, "", f"was sent SIGKILL! ({OUTSIDE})"),
        (-signal.SIGKILL, None, "was sent SIGKILL! (not by this server)"),
        (
            -signal.SIGKILL,
            "a process of this control group",
            "was sent SIGKILL! (the kernel's OOM killer has just killed "
            "a process of this control group)",
        ),
        (
            -signal.SIGSEGV,
            None,
            "was sent SIGSEGV! (a crash in native code, unless it came from outside)",
        ),
        (-signal.SIGHUP, None, "was sent SIGHUP! (from outside)"),
        (1, None, "exited with code 1"),
        (255, None, "exited with code 255 (an exception that nobody caught)"),
        (3, None, "exited with code 3 (it could not boot)"),
        (4, None, "exited with code 4 (the application could not be loaded)"),
    ],
)
def test_each_death_is_told_apart(code: int, oom: str | None, told: str) -> None:
    assert explain(worker(), code, CART, oom) == (False, f"Worker (pid:12) {told}, {SERVING}")


def test_our_own_killings_say_why() -> None:
    silent = worker(children.Aborted(12, 9.0, "timeout"))
    told = explain(silent, -signal.SIGKILL, CART, None).text
    assert told == f"Worker (pid:12) was sent SIGKILL! (timeout), {SERVING}"
    late = worker(
        children.Retired(12, 9.0, "reload"), children.Aborted(12, 9.0, "graceful timeout")
    )
    told = explain(late, -signal.SIGKILL, None, None).text
    assert told == (
        "Worker (pid:12) was sent SIGKILL! (graceful timeout, told to go: reload), "
        "while it was idle"
    )


def test_worker_that_left_in_peace_is_no_news() -> None:
    assert explain(worker(), 0, None, None) == (True, "")
    retired = worker(children.Retired(12, 9.0, "stop"))
    assert explain(retired, -signal.SIGTERM, None, None).is_clean


def test_what_a_worker_did() -> None:
    assert occupation(worker(ready=False), None) == "while it booted"
    assert occupation(worker(), None) == "while it was idle"
    assert "serving GET /cart, begun" in occupation(worker(), CART._replace(peer=""))
    assert "serving a request, begun" in occupation(worker(), Current("", "", "", 1.0))


def test_path_of_a_client_writes_no_line_of_ours() -> None:
    told = occupation(worker(), CART._replace(path="/\n[ERROR] \x1b[31mhacked"))
    assert "\n" not in told and "\x1b" not in told


# -- real deaths -----------------------------------------------------------------------------------

STUCK = """\
import collections, itertools, os

def application(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        drown()
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

def drown():
    collections.deque(itertools.count(), maxlen=0)  # in C, where no signal is looked at
"""


def begin(connection: Connection, path: str) -> str:
    """Send a request; give the peer as the log writes it."""
    connection.send(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    host, port = connection.sock.getsockname()
    return f"{host}:{port}"


@pytest.mark.parametrize("flags", [(), ("--error-logfile", "error.log")])
def test_worker_stuck_in_c_shows_its_stack_before_it_is_killed(flags: tuple[str, ...]) -> None:
    files = {"shop.py": STUCK, "conf.py": "control_socket = 'control.test'\ntimeout = 1\n"}
    with (
        Server("shop", "-c", "conf.py", *flags, files=files, expect_errors=True) as server,
        server.connect() as connection,
    ):
        if flags:
            # The descriptor that the dump goes to follows a rotation.
            (server.directory / "error.log").rename(server.directory / "old.log")
            assert ask(server, command="reopen") == {"ok": True}
        pid = int(server.get().body)
        peer = begin(connection, "/stuck?secret=1")
        said = server.wait_log(f"Worker (pid:{pid}) was sent SIGKILL! (timeout), ", start=0)
        assert f"[CRITICAL] WORKER TIMEOUT (pid:{pid})" in said
        assert said.count(f"while serving GET /stuck for {peer}, begun ") == 2
        assert "(most recent call first)" in said
        assert 'shop.py", line 11 in drown' in said
        assert 'shop.py", line 5 in application' in said
        assert "secret" not in said
        assert said.index("WORKER TIMEOUT") < said.index("in drown") < said.index("SIGKILL!")
        server.wait_workers(lambda pids: len(pids) == 1 and pid not in pids)


def test_import_that_hangs_shows_where() -> None:
    files = {"shop.py": "from tests.apps import gate\ngate.pass_gate()\n"}
    with Gate() as gate:
        server = Server("shop", "--boot-timeout", "1", files=files, env=gate.env)
        with pytest.raises(AssertionError, match="ended with 3") as caught:
            server.__enter__()
    said = "".join(caught.value.__notes__)
    assert "boot timeout after 1." in said
    assert 'shop.py", line 2 in <module>' in said
    assert "(boot timeout), while it booted" in said


def test_kill_from_outside_tells_the_request() -> None:
    with (
        Gate() as gate,
        Server("tests.apps.gate", env=gate.env, expect_errors=["was sent SIGKILL"]) as server,
        server.connect() as connection,
    ):
        peer = begin(connection, "/wait")
        pid = gate.next_arrival().pid
        with server.log_contains(
            f"Worker (pid:{pid}) was sent SIGKILL! (", f"while serving GET /wait for {peer}, begun "
        ):
            os.kill(pid, signal.SIGKILL)


def test_worker_of_threads_tells_its_oldest_request() -> None:
    conf = {"conf.py": "control_socket = 'control.test'\nthreads = 3\n"}
    flags = ("-c", "conf.py")
    with (
        Gate() as gate,
        Server(
            "tests.apps.gate", *flags, env=gate.env, files=conf, expect_errors=["SIGKILL"]
        ) as server,
        server.connect() as first,
        server.connect() as second,
        server.connect() as third,
    ):
        begin(first, "/wait")
        quick = gate.next_arrival()
        peer = begin(second, "/wait")
        pid = gate.next_arrival().pid
        begin(third, "/wait")
        gate.next_arrival()
        quick.let_go()
        assert first.read_response().status == 200
        # The page is written a moment after the answer is out.
        while ask(server, command="status")["workers"][0]["request"]["peer"] != peer:
            pass
        with server.log_contains(f"while serving GET /wait for {peer}, begun "):
            os.kill(pid, signal.SIGKILL)


def test_exit_of_the_application_is_told_with_its_code() -> None:
    app = """\
import os
def application(environ, start_response):
    if environ["PATH_INFO"] == "/exit":
        os._exit(7)
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""
    with Server("shop", files={"shop.py": app}, expect_errors=["exited with code 7"]) as server:
        with (
            server.connect() as connection,
            server.log_contains(" exited with code 7, while serving GET /exit for "),
        ):
            begin(connection, "/exit")
        assert server.get().status == 200


def test_crash_in_native_code_shows_where() -> None:
    app = """\
import ctypes
def application(environ, start_response):
    if environ["PATH_INFO"] == "/crash":
        ctypes.string_at(0)
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""
    with Server("shop", files={"shop.py": app}, expect_errors=True) as server:
        with (
            server.connect() as connection,
            server.log_contains(
                'shop.py", line 4 in application',
                " was sent SIGSEGV! (a crash in native code, unless it came from outside), "
                "while serving GET /crash for ",
            ),
        ):
            begin(connection, "/crash")
        assert server.get().status == 200


def test_worker_that_takes_too_long_to_leave_says_why_it_was_to() -> None:
    flags = ("--graceful-timeout", "1")
    with (
        Gate() as gate,
        Server("tests.apps.gate", *flags, env=gate.env, expect_errors=["graceful"]) as server,
        server.connect() as connection,
    ):
        begin(connection, "/wait")
        pid = gate.next_arrival().pid
        with server.log_contains(
            f"Worker (pid:{pid}) was sent SIGKILL! (graceful timeout, told to go: reload), "
            "while serving GET /wait for "
        ):
            server.signal(signal.SIGHUP)


def test_stopped_worker_is_no_timeout() -> None:
    """A debugger may hold a worker; when it runs again it is given its time."""
    with Server("tests.apps.basic:pid", "--timeout", "1") as server:
        pid = int(server.get().body)
        with server.log_contains(f"worker pid={pid} age=1 is stopped (SIGSTOP, or a debugger)"):
            os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        assert int(server.get().body) == pid
