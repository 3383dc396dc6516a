"""USR2: two masters for a while, and nobody who connects notices (reference 3.8, B#13, B#18)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blackbox.case import get
from tests.harness import Load, Server, processes

APP = """\
import os

def application(environ, start_response):
    body = b"{word} %d" % os.getppid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

FLAGS = ("--workers", "2", "--pid", "gunicorn.pid")


def saying(word: str) -> dict[str, str]:
    return {"shop.py": APP.format(word=word)}


def pid_in(path: Path) -> int:
    return int(path.read_text())


def upgrade(server: Server) -> int:
    """USR2, then wait until the new master serves; give its pid."""
    count = server.notifications.count("READY=1")
    server.signal(signal.SIGUSR2)
    server.wait_notification("READY=1", count + 1)
    new = pid_in(server.directory / "gunicorn.pid")
    assert new != server.pid
    assert pid_in(server.directory / "gunicorn.pid.oldbin") == server.pid
    return new


@contextlib.contextmanager
def serving(*flags: str, bind: str = "tcp", **others: object) -> Iterator[Server]:
    with Server("shop", *FLAGS, *flags, bind=bind, files=saying("old"), **others) as server:  # type: ignore[arg-type]
        yield server


def stop_successor(server: Server, new: int) -> None:
    """For a test whose server is now another process than the one that was started."""
    os.kill(new, signal.SIGTERM)
    server.wait_gone(new)


def finish(server: Server) -> None:
    """Stop the old master and wait until it has gone."""
    server.signal(signal.SIGTERM)
    assert server.wait() == (None if server.is_daemon else 0)


@pytest.mark.parametrize("bind", ["tcp", "unix"])
def test_new_program_takes_over_under_load(bind: str) -> None:
    with serving(bind=bind) as server, Load(server, clients=4, may_retry=True) as load:
        load.wait_answers(20)
        (server.directory / "shop.py").write_text(APP.format(word="new"))
        new = upgrade(server)
        load.wait_answers(len(load.answers) + 40)
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        load.wait_answers(len(load.answers) + 40)
        assert server.get().body == b"new %d" % new
        assert not (server.directory / "gunicorn.pid.oldbin").exists()
        assert load.failures == []
        assert f"MAINPID={new}" in server.notifications
        assert "STOPPING=1" not in server.notifications
        load.__exit__()
        stop_successor(server, new)
        assert "STOPPING=1" in server.notifications
        assert not (server.directory / "socket").exists()


def test_daemon_takes_over_from_a_daemon_under_load() -> None:
    """The new one is started by a daemon, and must not detach once more: it is its child."""
    flags = ("--daemon", "--log-file", "error.log")
    with serving(*flags) as server, Load(server, may_retry=True) as load:
        load.wait_answers(20)
        (server.directory / "shop.py").write_text(APP.format(word="new"))
        new = upgrade(server)
        assert processes.stat_of(new)[1] == server.pid  # type: ignore[index]
        load.wait_answers(len(load.answers) + 20)
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        load.wait_answers(len(load.answers) + 20)
        assert server.get().body == b"new %d" % new
        assert load.failures == []
        load.__exit__()
        # It is a daemon too: there is no window that could have changed its size.
        with server.log_contains("graceful stop of workers"):
            os.kill(new, signal.SIGWINCH)
        stop_successor(server, new)


def test_preloaded_program_takes_over_and_reloads_under_load() -> None:
    with serving("--preload") as server, Load(server, may_retry=True) as load:
        load.wait_answers(20)
        zygotes = set(server.worker_pids())
        (server.directory / "shop.py").write_text(APP.format(word="new"))
        new = upgrade(server)
        load.wait_answers(len(load.answers) + 20)
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        for pid in zygotes:
            server.wait_gone(pid)
        (server.directory / "shop.py").write_text(APP.format(word="newest"))
        with server.log_contains("Reloaded: generation 2"):
            os.kill(new, signal.SIGHUP)
        assert server.get().body == b"newest %d" % new
        assert load.failures == []
        load.__exit__()
        stop_successor(server, new)


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_going_back_under_load(flags: tuple[str, ...]) -> None:
    with serving(*flags, bind="unix") as server, Load(server, may_retry=True) as load:
        load.wait_answers(20)
        (server.directory / "shop.py").write_text(APP.format(word="new"))
        new = upgrade(server)
        load.wait_answers(len(load.answers) + 30)
        with server.log_contains(f"The new master (pid:{new}) exited with code 0"):
            stop_successor(server, new)
        load.wait_answers(len(load.answers) + 30)
        assert load.failures == []
        assert pid_in(server.directory / "gunicorn.pid") == server.pid
        assert not (server.directory / "gunicorn.pid.oldbin").exists()
        assert server.get().body == b"old %d" % server.pid


def test_broken_program_leaves_the_old_one_the_master() -> None:
    """And a third one may be tried afterwards."""
    with serving(bind="unix", expect_errors=True) as server:
        (server.directory / "shop.py").write_text("import no_such_module\n")
        with server.log_contains("exited with code 4; this one goes on"):
            server.signal(signal.SIGUSR2)
        assert server.get().body == b"old %d" % server.pid
        assert pid_in(server.directory / "gunicorn.pid") == server.pid
        (server.directory / "shop.py").write_text(APP.format(word="mended"))
        new = upgrade(server)
        finish(server)
        assert server.get().body == b"mended %d" % new
        stop_successor(server, new)


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])
def test_new_master_that_is_killed(flags: tuple[str, ...]) -> None:
    with serving(*flags, bind="unix", expect_errors=["was sent SIGKILL"]) as server:
        new = upgrade(server)
        workers = processes.children_of(new)
        with server.log_contains(f"The new master (pid:{new}) was sent SIGKILL"):
            os.kill(new, signal.SIGKILL)
        for pid in workers:
            server.wait_gone(pid)
        assert server.get().body == b"old %d" % server.pid
        assert pid_in(server.directory / "gunicorn.pid") == server.pid


def test_old_master_that_is_killed() -> None:
    with serving(bind="unix") as server:
        new = upgrade(server)
        with server.log_contains("has gone, this one takes over"):
            server.signal(signal.SIGKILL)
            assert server.wait() == -signal.SIGKILL
        while server.get().body != b"old %d" % new:
            pass  # the workers of the dead one answer until they notice
        stop_successor(server, new)
        assert not (server.directory / "socket").exists()
        (server.directory / "gunicorn.pid.oldbin").unlink()  # of a process that was killed


def test_third_master_is_refused() -> None:
    with serving() as server:
        new = upgrade(server)
        with server.log_contains(f"USR2 ignored: there is another master already (pid:{new})"):
            server.signal(signal.SIGUSR2)
        with server.log_contains(
            f"USR2 ignored: there is another master already (pid:{server.pid})"
        ):
            os.kill(new, signal.SIGUSR2)
        stop_successor(server, new)


def test_addresses_may_change_on_the_way() -> None:
    files = {**saying("x"), "conf.py": "bind = ['unix:kept', 'unix:gone']\n"}
    with Server("shop", *FLAGS, "-c", "conf.py", bind=None, files=files) as server:
        kept, gone = server.addresses
        (server.directory / "conf.py").write_text("bind = ['unix:fresh', 'unix:kept']\n")
        new = upgrade(server)
        for address in (gone, kept, str(server.directory / "fresh")):
            with server.connect_to(address) as connection:
                connection.send(get())
                assert connection.read_response().status == 200
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        assert not (server.directory / "gone").exists()
        for address in (kept, str(server.directory / "fresh")):
            with server.connect_to(address) as connection:
                connection.send(get())
                assert connection.read_response().body == b"x %d" % new
        stop_successor(server, new)


def test_control_socket_follows_and_comes_back() -> None:
    with serving("--control-socket", "control.test") as server:
        old, current = (server.directory / name for name in ("control.test.oldbin", "control.test"))
        new = upgrade(server)
        assert old.is_socket()
        assert current.is_socket()
        with server.log_contains("this one goes on"):
            stop_successor(server, new)
        assert not old.exists()
        assert current.is_socket()


def test_pre_exec_and_the_start_are_repeated_where_they_were() -> None:
    conf = (
        "import os\n"
        "raw_env = ['LAID_OVER=1']\n"
        "chdir = 'below'\n"
        "def on_starting(server):\n"
        "    server.log.info('start: %s %s %s', os.environ.get('MARKED'), server.cfg.chdir,\n"
        "                    sorted(name for name in os.environ if name.startswith('GUNICORN_')\n"
        "                           and 'TEST' not in name))\n"
        "def pre_exec(server):\n"
        "    server.log.info('pre_exec: %s %s', server.pid, 'LAID_OVER' in os.environ)\n"
        "    os.environ['MARKED'] = 'yes'\n"
    )
    files = {"conf.py": conf, "below/shop.py": APP.format(word="x")}
    flags = ("-c", "conf.py", "--pid", "../gunicorn.pid")
    with Server("shop", *flags, files=files) as server:
        said = server.wait_log("start: None", start=0)
        with server.log_contains(f"pre_exec: {server.pid} False", "start: yes"):
            new = upgrade(server)
        said = server.log_text()
        assert said.count("below []") == 2  # the same directory, and no variable of ours is left
        stop_successor(server, new)


def test_user_s_signal_to_reopen_logs_reaches_both_masters() -> None:
    with serving("--error-logfile", "error.log") as server:
        new = upgrade(server)
        log = server.directory / "error.log"
        log.rename(server.directory / "error.log.1")
        os.kill(new, signal.SIGUSR1)
        while "Handling signal: usr1" not in (
            (server.directory / "error.log.1").read_text()
            + (log.read_text() if log.exists() else "")
        ):
            pass
        server.wait_log("Handling signal: usr1", start=0, count=2)
        stop_successor(server, new)


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_kept_connection_has_its_time_when_another_master_goes_on(worker_class: str) -> None:
    """Who was promised another request sends it to the old program, and is told it was the last."""
    flags = ("--keep-alive", "60", "--worker-class", worker_class)
    with serving(*flags) as server, server.connect() as used:
        used.send(get())
        assert used.read_response().body == b"old %d" % server.pid
        (server.directory / "shop.py").write_text(APP.format(word="new"))
        new = upgrade(server)
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        while server.get().body != b"new %d" % new:
            pass
        used.send(get())
        last = used.read_response()
        assert last.body == b"old %d" % server.pid
        assert last.get("Connection") == "close"
        assert server.wait() == 0
        stop_successor(server, new)
