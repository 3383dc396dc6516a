"""How the server starts or refuses to, and with which exit status (reference 1.4)."""

from __future__ import annotations

import dataclasses
import os
import socket
import stat

import pytest

from tests.harness import Finished, Server, processes, run_gunicorn

HELLO = "tests.apps.basic:hello"
ANY_PORT = ("--bind", "127.0.0.1:0")


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A start that must end with ``status``, saying ``texts``, without a traceback of ours."""

    id: str
    words: tuple[str, ...]
    status: int
    texts: tuple[str, ...]
    config: str | None = None
    is_traceback_shown: bool = False

    def run(self) -> Finished:
        files = {} if self.config is None else {"conf.py": self.config}
        words = () if self.config is None else ("--config", "conf.py")
        return run_gunicorn(*words, *self.words, files=files)


REFUSALS = [
    # the command line cannot be understood: 2
    Refusal("no-application", (), 2, ("No application module specified.", "usage:")),
    Refusal("two-applications", (HELLO, HELLO), 2, ("application module", "usage:")),
    Refusal("no-integer", ("-w", "abc", HELLO), 2, ("invalid int value: 'abc'",)),
    Refusal("unknown-option", ("--bogus", HELLO), 2, ("unrecognized arguments: --bogus",)),
    # a value cannot be used: 1, one line
    Refusal("negative", ("--workers=-1", HELLO), 1, ("Value must be positive: -1",)),
    Refusal("bad-port", ("--bind", "localhost:xx", HELLO), 1, ("'xx' is not a valid port number",)),
    Refusal("port-range", ("--bind", "localhost:65536", HELLO), 1, ("65536",)),
    Refusal(
        "no-such-user", ("--user", "no-such-user", HELLO), 1, ("No such user: 'no-such-user'",)
    ),
    Refusal(
        "no-such-group", ("--group", "no-such-group", HELLO), 1, ("No such group: 'no-such-group'",)
    ),
    Refusal("no-such-config", ("--config", "none.py", HELLO), 1, ("none.py",)),
    Refusal(
        "no-such-worker-class",
        (*ANY_PORT, "--worker-class", "bogus", HELLO),
        1,
        ("bogus", "invalid or not found"),
    ),
    Refusal("no-such-certificate", (*ANY_PORT, "--certfile", "none.pem", HELLO), 1, ("none.pem",)),
    Refusal("no-directory-for-pidfile", (*ANY_PORT, "--pid", "none/pid", HELLO), 1, ("none",)),
    Refusal("no-directory-for-log", (*ANY_PORT, "--log-file", "none/log", HELLO), 1, ("none/log",)),
    Refusal("no-directory-for-socket", ("--bind", "unix:none/socket", HELLO), 1, ("none",)),
    Refusal("no-directory-to-change-to", (*ANY_PORT, "--chdir", "none", HELLO), 1, ("none",)),
    # the same from a config file, with the place
    Refusal("config-negative", (HELLO,), 1, ("workers", "conf.py", "-1"), "workers = -1\n"),
    Refusal("config-no-list", (HELLO,), 1, ("bind", "conf.py"), "bind = 5\n"),
    Refusal("config-not-python", (HELLO,), 1, ("conf.py",), "workers = \n", True),
    Refusal("config-raises", (HELLO,), 1, ("ZeroDivisionError", "conf.py:1"), "1 / 0\n", True),
    Refusal("config-exits", (HELLO,), 7, (), "raise SystemExit(7)\n"),
    Refusal("config-mistyped-name", (HELLO,), 1, ("workrs", "workers"), "workrs = 3\n"),
    Refusal("config-no-bind", (HELLO,), 1, ("bind is empty", "conf.py:1"), "bind = []\n"),
    Refusal("config-hook-arity", (HELLO,), 1, ("when_ready",), "def when_ready(): pass\n"),
    # the check
    Refusal("check-no-bind", ("--check-config", HELLO), 1, ("bind is empty",), "bind = []\n"),
    Refusal("check-no-module", ("--check-config", "no.such.module"), 1, ("No module named 'no'",)),
    Refusal(
        "check-raises",
        ("--check-config", "tests.apps.unloadable"),
        1,
        ("Error while loading the application:", "planned failure of the import"),
        is_traceback_shown=True,
    ),
    # the application cannot be loaded: 4
    *[
        Refusal(
            f"load-{name}-workers-{workers}",
            (*ANY_PORT, "--workers", workers, app),
            4,
            texts,
            # of the application's own error; a mistyped name is told in one line
            is_traceback_shown=name == "raises",
        )
        for name, app, texts in (
            ("no-module", "no_such_module:application", ("no_such_module",)),
            ("no-object", "tests.apps.basic:nothing", ("nothing",)),
            ("not-callable", "tests.apps.basic:__name__", ("callable",)),
            ("raises", "tests.apps.unloadable", ("planned failure of the import",)),
        )
        for workers in ("1", "3")
    ],
    # a daemon: the command that launches it waits for the verdict and gives it
    Refusal(
        "daemon-no-module",
        (*ANY_PORT, "--daemon", "no_such_module:application"),
        4,
        ("Error: App failed to load.", "no_such_module"),
    ),
    Refusal(
        "daemon-no-directory", (*ANY_PORT, "--daemon", "--pid", "none/pid", HELLO), 1, ("none",)
    ),
    Refusal(
        "hook-of-worker-raises",
        (*ANY_PORT, HELLO),
        3,
        ("planned failure of the hook",),
        "def post_fork(server, worker):\n    raise RuntimeError('planned failure of the hook')\n",
        True,
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_refusal(refusal: Refusal) -> None:
    finished = refusal.run()
    said = finished.stdout + finished.stderr
    assert finished.returncode == refusal.status, said
    for text in refusal.texts:
        assert text in said
    if not refusal.is_traceback_shown:
        assert "Traceback" not in said
    # B#17: nothing stays, neither pidfile nor socket
    assert finished.files == {}


def test_file_taken_for_module_is_explained() -> None:
    """Reference 1.3: people type the name of the file."""
    files = {"shop.py": "def application(environ, start_response): pass\n"}
    finished = run_gunicorn(*ANY_PORT, "shop.py", files=files)
    assert finished.returncode == 4
    assert "shop:application" in finished.stdout + finished.stderr


def test_version() -> None:
    finished = run_gunicorn("--version")
    assert finished.returncode == 0
    assert "(version " in finished.stdout


def test_help_names_every_default() -> None:
    finished = run_gunicorn("--help")
    assert finished.returncode == 0
    assert "[OPTIONS] APP_MODULE" in finished.stdout
    assert "[30]" in finished.stdout


def test_check_config_is_silent_when_all_is_well() -> None:
    finished = run_gunicorn("--check-config", "--pid", "pid", HELLO)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert finished.files == {}


def test_failed_start_is_told_on_standard_error_too() -> None:
    """Who starts a service looks at its status, not into a log file it may not know of."""
    finished = run_gunicorn(*ANY_PORT, "--log-file", "error.log", "no_such_module:application")
    assert finished.returncode == 4
    assert "no_such_module" in finished.files["error.log"]
    assert "no_such_module" in finished.stderr


def test_address_in_use() -> None:
    """Reference 1.4: a few rounds of trying, then one line; B#17: the pidfile goes."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run_gunicorn("--bind", f"127.0.0.1:{port}", "--pid", "pid", HELLO)
    assert finished.returncode == 1
    assert f"Connection in use: ('127.0.0.1', {port})" in finished.stderr
    assert f"Can't connect to ('127.0.0.1', {port})" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.files == {}


def test_file_in_place_of_the_socket_is_not_deleted() -> None:
    """B#13: bind refuses to delete what is no socket."""
    finished = run_gunicorn("--bind", "unix:data", HELLO, files={"data": "precious"})
    assert finished.returncode == 1
    assert "data" in finished.stderr
    assert "Traceback" not in finished.stderr


# -- pidfile (reference 3.7) -----------------------------------------------------------------------


def test_pidfile_names_the_master() -> None:
    with Server(HELLO, "--pid", "gunicorn.pid") as server:
        path = server.directory / "gunicorn.pid"
        assert path.read_text() == f"{server.pid}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_pidfile_of_a_living_process() -> None:
    finished = run_gunicorn(
        *ANY_PORT, "--pid", "gunicorn.pid", HELLO, files={"gunicorn.pid": f"{os.getpid()}\n"}
    )
    assert finished.returncode == 1
    assert f"Already running on PID {os.getpid()}" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("content", ["", "0\n", "-1\n", "rubbish\n", "4194304999\n"])
def test_stale_pidfile_is_replaced(content: str) -> None:
    flags = ("--pid", "gunicorn.pid")
    with Server(HELLO, *flags, files={"gunicorn.pid": content}) as server:
        assert (server.directory / "gunicorn.pid").read_text() == f"{server.pid}\n"


def test_pidfile_of_a_reaped_process_is_replaced() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    files = {"gunicorn.pid": f"{child}\n"}
    with Server(HELLO, "--pid", "gunicorn.pid", files=files) as server:
        assert (server.directory / "gunicorn.pid").read_text() == f"{server.pid}\n"


def test_pidfile_taken_over_by_another_is_left_alone() -> None:
    """Reference 3.7: deleted on orderly exit only if it still holds our pid."""
    with Server(HELLO, "--pid", "pid.test") as server:
        (server.directory / "pid.test").write_text("1\n")
        server.signal(15)
        assert server.wait() == 0
        assert (server.directory / "pid.test").read_text() == "1\n"


# -- daemon (reference 3.9) ------------------------------------------------------------------------


def test_daemon_serves_and_stops_by_its_pidfile() -> None:
    flags = ("--daemon", "--pid", "gunicorn.pid", "--log-file", "error.log")
    with Server(HELLO, *flags) as server:
        assert server.pid == int((server.directory / "gunicorn.pid").read_text())
        assert os.getsid(server.pid) != os.getsid(0)
        assert server.get().status == 200


# -- what a start says -----------------------------------------------------------------------------


def test_start_messages() -> None:
    """Reference 6.8: tools match these."""
    with Server(HELLO, "--workers", "2") as server:
        workers = server.wait_workers(lambda pids: len(pids) == 2)
        log = server.wait_log(*[f"Booting worker with pid: {pid}" for pid in workers], start=0)
        assert f"[{server.pid}] [INFO] Starting gunicorn 20" in log
        assert f"({server.pid})" in log
        assert "Using worker: sync" in log


def test_ready_means_that_requests_are_answered() -> None:
    """Fleet reference: READY=1 only after a worker has loaded the application."""
    with Server("tests.apps.basic:pid") as server:
        assert int(server.get().body) in server.worker_pids()


def test_default_application_name() -> None:
    """Reference 1.3: without a colon the object is ``application``."""
    with Server("tests.apps.gate") as server:
        assert server.get().status == 200


def test_application_from_a_call() -> None:
    """Design, decisions: calls with literal arguments."""
    with Server("tests.apps.factory:make('hi', times=2)") as server:
        assert server.get().body == b"hihi"


def test_application_from_the_current_directory() -> None:
    files = {"here.py": "from tests.apps.basic import hello as application\n"}
    with Server("here", files=files) as server:
        assert server.get().body == b"hello"


def test_application_from_a_path_in_pythonpath() -> None:
    files = {"lib/there.py": "from tests.apps.basic import hello as application\n"}
    with Server("there", "--pythonpath", "none,lib", files=files) as server:
        assert server.get().body == b"hello"


def test_command_line_beats_config_file() -> None:
    files = {"conf.py": "workers = 3\nbind = 'unix:wrong'\n"}
    with Server(HELLO, "-c", "conf.py", "--workers", "2", files=files) as server:
        assert len(server.wait_workers(lambda pids: len(pids) == 2)) == 2
        assert len(server.addresses) == 1


def test_raw_env_and_chdir_reach_the_application() -> None:
    files = {
        "sub/where.py": (
            "import os\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
            "    return [os.environ['COLOUR'].encode() + os.getcwd()[-4:].encode()]\n"
        )
    }
    with Server("where", "--chdir", "sub", "--env", "COLOUR=blue", files=files) as server:
        assert server.get().body == b"blue/sub"


@pytest.mark.parametrize(("mask", "mode"), [("0", 0o777), ("007", 0o770), ("0117", 0o660)])
def test_umask_decides_who_may_connect(mask: str, mode: int) -> None:
    """Reference 3.11, and B#29: a leading zero means octal."""
    with Server(HELLO, "--umask", mask, bind="unix") as server:
        assert stat.S_IMODE((server.directory / "socket").stat().st_mode) == mode


def test_idle_server_does_not_spin() -> None:
    """B#19: without a timeout there is no heartbeat, but still something to wait for."""
    with Server(HELLO, "--timeout", "0", env={"WATCHDOG_USEC": "300000"}) as server:
        assert server.get().status == 200
        pids = [server.pid, *server.worker_pids()]
        # Each ping is a turn of the master's loop; one that waited lasts a second.
        count = server.notifications.count("WATCHDOG=1")
        server.wait_notification("WATCHDOG=1", count + 1)
        before = [(processes.cpu_seconds(pid), processes.wakeups(pid)) for pid in pids]
        server.wait_notification("WATCHDOG=1", count + 3)
        for pid, (cpu, wakeups) in zip(pids, before, strict=True):
            # Who never waits is never woken, but uses the processor.
            assert processes.cpu_seconds(pid) - cpu < 0.25
            assert processes.wakeups(pid) - wakeups < 40


def test_unix_socket_goes_with_the_server() -> None:
    with Server(HELLO, bind="unix") as server:
        assert stat.S_ISSOCK((server.directory / "socket").stat().st_mode)
        server.signal(15)
        assert server.wait() == 0
        assert not (server.directory / "socket").exists()
