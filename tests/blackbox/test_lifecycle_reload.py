"""HUP from the user's point of view: new code serves, or the old one goes on (design, walk 2)."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blackbox.case import get
from tests.harness import Gate, Load, Server
from tests.harness.server import parse_addresses

PID = "tests.apps.basic:pid"

APP = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "{size}")])
    return [b"{word}"]
"""


def saying(word: str) -> str:
    return APP.format(word=word, size=len(word))


def replace(path: Path, text: str) -> None:
    """Change a file in one step, as editors and deployments do."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def hang_up(server: Server) -> str:
    """HUP, then wait for the verdict, which READY=1 follows; give what the log said about it."""
    start, count = server.log_position(), server.notifications.count("READY=1")
    server.signal(signal.SIGHUP)
    server.wait_notification("READY=1", count + 1)
    return server.wait_log("Hang up: Master", start=start)


def reload_workers(server: Server) -> list[int]:
    """HUP, then wait until every worker is a new one; give them."""
    old = server.worker_pids()
    assert "Reload failed" not in hang_up(server)
    for pid in old:
        server.wait_gone(pid)
    return server.worker_pids()


def refused_reload(server: Server, *texts: str) -> None:
    """HUP that must fail and say ``texts``; the workers must be the same afterwards."""
    before = server.worker_pids()
    said = hang_up(server)
    for text in ("Reload failed", *texts):
        assert text in said
    server.wait_workers(lambda pids: pids == before)


def test_new_workers_under_the_same_master() -> None:
    with Server(PID, "--workers", "2") as server:
        old = server.wait_workers(lambda pids: len(pids) == 2)
        with server.log_contains("Handling signal: hup", "Hang up: Master"):
            new = reload_workers(server)
        assert len(new) == 2
        assert not set(new) & set(old)
        assert int(server.get().body) in new


def test_new_code_serves() -> None:
    with Server("shop", files={"shop.py": saying("old")}) as server:
        assert server.get().body == b"old"
        replace(server.directory / "shop.py", saying("newer"))
        reload_workers(server)
        assert server.get().body == b"newer"


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("raise RuntimeError('planned failure')\n", "planned failure"),
        ("def application(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("application = None\n", "application"),
        ("raise SystemExit(5)\n", "5"),
    ],
)
def test_broken_code_keeps_the_old_serving(broken: str, text: str) -> None:
    with Server("shop", files={"shop.py": saying("old")}, expect_errors=True) as server:
        before = server.wait_workers(lambda pids: len(pids) == 1)
        replace(server.directory / "shop.py", broken)
        refused_reload(server, text)
        assert server.get().body == b"old"
        # and it goes on being able to reload
        replace(server.directory / "shop.py", saying("mended"))
        after = reload_workers(server)
        assert server.get().body == b"mended"
        assert not set(before) & set(after)


def test_broken_code_keeps_every_worker_of_the_old() -> None:
    files = {"shop.py": saying("old")}
    with Server("shop", "--workers", "3", files=files, expect_errors=True) as server:
        server.wait_workers(lambda pids: len(pids) == 3)
        replace(server.directory / "shop.py", "raise RuntimeError('planned failure')\n")
        refused_reload(server, "planned failure")
        assert server.get().body == b"old"


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("workers = -1\n", "Value must be positive: -1"),
        ("workers = \n", "SyntaxError"),
        ("raise RuntimeError('planned failure')\n", "planned failure"),
        ("worker_class = 'bogus'\n", "bogus"),
        ("raise SystemExit(5)\n", "exit(5)"),
    ],
)
def test_broken_config_keeps_the_old_serving(broken: str, text: str) -> None:
    """B#16."""
    files = {"conf.py": "workers = 1\n"}
    with Server(PID, "-c", "conf.py", files=files, expect_errors=True) as server:
        server.wait_workers(lambda pids: len(pids) == 1)
        replace(server.directory / "conf.py", broken)
        refused_reload(server, text)
        assert int(server.get().body) in server.worker_pids()


def test_config_is_read_again() -> None:
    with Server(PID, "-c", "conf.py", files={"conf.py": "workers = 1\n"}) as server:
        server.wait_workers(lambda pids: len(pids) == 1)
        replace(server.directory / "conf.py", "workers = 3\n")
        server.signal(signal.SIGHUP)
        server.wait_workers(lambda pids: len(pids) == 3)


def test_added_workers_are_lost_by_a_reload() -> None:
    """Reference 3.3: TTIN lasts until the next HUP."""
    with Server(PID) as server:
        server.signal(signal.SIGTTIN)
        server.wait_workers(lambda pids: len(pids) == 2)
        assert len(reload_workers(server)) == 1


def test_listeners_follow_the_config() -> None:
    """B#15: the new address serves, the old one is closed, the unchanged one never blinks."""
    conf = "bind = ['unix:kept', {!r}]\n"
    given = {"conf.py": conf.format("unix:old")}
    with Server(PID, "-c", "conf.py", bind=None, files=given) as server, Load(server) as load:
        kept, gone = server.addresses
        inode = (server.directory / "kept").stat().st_ino
        for bind in ("unix:new", "127.0.0.1:0", "unix:old"):
            load.wait_answers(len(load.answers) + 20)
            replace(server.directory / "conf.py", conf.format(bind))
            said = server.log_position()
            reload_workers(server)
            listed = re.search(r"Listening at: (.+)", server.log_text()[said:])
            assert listed is not None
            fresh = parse_addresses(listed[1], server.directory)
            for address in fresh:
                with server.connect_to(address) as connection:
                    connection.send(get())
                    assert int(connection.read_response().body) in server.worker_pids()
            with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
                server.connect_to(gone)
            assert fresh[0] == kept
            gone = fresh[1]
        assert (server.directory / "kept").stat().st_ino == inode
        assert load.failures == []


def test_listener_that_cannot_be_bound_keeps_the_old_serving() -> None:
    config = "bind = 'unix:socket'\n"
    flags = ("-c", "conf.py")
    with Server(PID, *flags, bind=None, files={"conf.py": config}, expect_errors=True) as server:
        replace(server.directory / "conf.py", "bind = 'unix:none/socket'\n")
        refused_reload(server, "none/socket")
        assert server.get().status == 200


def test_pidfile_follows_the_config() -> None:
    with Server(PID, "-c", "conf.py", files={"conf.py": "pidfile = 'one.pid'\n"}) as server:
        replace(server.directory / "conf.py", "pidfile = 'two.pid'\n")
        reload_workers(server)
        assert not (server.directory / "one.pid").exists()
        assert (server.directory / "two.pid").read_text() == f"{server.pid}\n"


def test_request_in_flight_is_finished_by_the_old_worker() -> None:
    with (
        Gate() as gate,
        Server("tests.apps.gate", env=gate.env) as server,
        server.connect() as connection,
    ):
        connection.send(get(target="/wait"))
        waiting = gate.next_arrival()
        server.signal(signal.SIGHUP)
        server.wait_workers(lambda pids: len(pids) == 2)
        # served by the new one while the old one still waits
        while int(server.get("/quick").body) == waiting.pid:
            pass
        waiting.let_go()
        assert connection.read_response().body == str(waiting.pid).encode()
        server.wait_gone(waiting.pid)


def test_hang_ups_in_a_row_end_in_one_generation() -> None:
    with Server(PID, "--workers", "2") as server:
        old = server.wait_workers(lambda pids: len(pids) == 2)
        for _ in range(5):
            server.signal(signal.SIGHUP)
        server.wait_workers(lambda pids: len(pids) == 2 and not set(pids) & set(old))
        # Not "one of the workers now": a second round may be replacing who has just answered.
        assert int(server.get().body) not in old


def test_hooks_of_a_life_are_called_in_order() -> None:
    """Reference 2.4; the last lines are the stop by the harness."""
    names = {
        "on_starting": "server",
        "when_ready": "server",
        "on_reload": "server",
        "pre_fork": "server, worker",
        "post_fork": "server, worker",
        "post_worker_init": "worker",
        "worker_exit": "server, worker",
        "child_exit": "server, worker",
        "on_exit": "server",
        "nworkers_changed": "server, new, old",
    }
    config = "import sys\n" + "".join(
        # one write: print() makes two, and another process may speak in between
        f"def {name}({parameters}):\n    sys.stderr.write('hook {name}\\n')\n"
        for name, parameters in names.items()
    )
    with Server(PID, "-c", "conf.py", files={"conf.py": config}) as server:
        server.get()
        reload_workers(server)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        heard = [line.split()[-1] for line in server.log_text().splitlines() if "hook " in line]
    start = ["on_starting", "when_ready", "pre_fork", "post_fork", "post_worker_init"]
    assert [name for name in heard if name != "nworkers_changed"][:5] == start
    assert heard[0] == "nworkers_changed"
    assert heard[-1] == "on_exit"
    for name in ("pre_fork", "post_fork", "post_worker_init", "worker_exit", "child_exit"):
        assert heard.count(name) == 2, f"{name} in {heard}"
    assert heard.count("on_reload") == 1


# -- under load ------------------------------------------------------------------------------------


@pytest.fixture(params=["tcp", "unix", "tls"])
def loaded(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Load]]:
    flags = ("--workers", "2")
    with Server("shop", *flags, bind=request.param, files={"shop.py": saying("0")}) as server:
        server.expect_errors = ["planned failure", "shop.py", "[ERROR]", "[CRITICAL]", "Error"]
        with Load(server, may_retry=request.param == "tls") as load:
            yield server, load


def test_reload_under_load_fails_no_request(loaded: tuple[Server, Load]) -> None:
    server, load = loaded
    for generation in range(1, 5):
        load.wait_answers(len(load.answers) + 30)
        replace(server.directory / "shop.py", saying(str(generation)))
        reload_workers(server)
        assert server.get().body == str(generation).encode()
    load.wait_answers(len(load.answers) + 30)
    assert load.failures == []
    assert set(load.answers) == {b"0", b"1", b"2", b"3", b"4"}


def test_broken_reload_under_load_fails_no_request(loaded: tuple[Server, Load]) -> None:
    server, load = loaded
    for _ in range(2):
        load.wait_answers(len(load.answers) + 30)
        replace(server.directory / "shop.py", "raise RuntimeError('planned failure')\n")
        refused_reload(server, "planned failure")
    load.wait_answers(len(load.answers) + 30)
    assert load.failures == []
    assert set(load.answers) == {b"0"}


def test_changing_numbers_under_load_fails_no_request(loaded: tuple[Server, Load]) -> None:
    server, load = loaded
    for number, count in (
        (signal.SIGTTIN, 3),
        (signal.SIGTTIN, 4),
        (signal.SIGTTOU, 3),
        (signal.SIGTTOU, 2),
        (signal.SIGTTOU, 1),
    ):
        load.wait_answers(len(load.answers) + 30)
        server.signal(number)
        server.wait_workers(lambda pids, count=count: len(pids) == count)
    assert load.failures == []


def test_retirement_under_load_fails_no_request() -> None:
    with Server(PID, "--workers", "2", "--max-requests", "20") as server, Load(server) as load:
        # Each serves some more than twenty: until its successor is ready.
        while len(set(load.answers)) < 8 and not load.failures:
            load.wait_answers(len(load.answers) + 20)
    assert load.failures == []
