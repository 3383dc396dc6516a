"""``gunicornctl run`` as a process, with masters that are a page of Python.

Needs root, because its work is to become somebody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gunicorn.sites import talk
from gunicorn.sites.become import parse_limit
from gunicorn.sites.paths import Paths

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root runs sites of other users")

TREE = Path(__file__).parents[2]
NOBODY = pwd.getpwnam("nobody")

#: stands for a master: tells who it is, says that it is ready, and obeys TERM
MASTER = """
import json, os, signal, socket, sys, time
name = sys.argv[1]
facts = dict(uid=os.getuid(), gid=os.getgid(), groups=os.getgroups(), pid=os.getpid(),
             sid=os.getsid(0), umask=os.umask(0), env=dict(os.environ), cwd=os.getcwd(),
             fds=sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
             status=open("/proc/self/status").read())
print(json.dumps(facts), flush=True)
if name == "crash":
    sys.exit(5)
if name == "refused":
    sys.exit(78)
if name == "family":
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pause()
    print("child", child, flush=True)
if name == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGUSR1, lambda *_: print("reopened", flush=True))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.connect(os.environ["NOTIFY_SOCKET"])
    sock.send(b"STATUS=fine \\x1b[2J\\nREADY=1")
while True:
    signal.pause()
"""

PROGRAM = """
import sys
from pathlib import Path
from gunicorn.sites import execute, supervisor
from gunicorn.sites.context import Context
from gunicorn.sites.paths import Paths
from gunicorn.sites.trust import Rules

root = Path(sys.argv[1])
made = execute.command_of
def command_of(site, account, inherited, secrets):
    command = made(site, account, inherited, secrets)
    arguments = [sys.executable, "-I", "-S", "-c", Path(root / "master.py").read_text(), site.name]
    return execute.Command(sys.executable, arguments, command.environment)
execute.command_of = command_of
supervisor._SLACK = 0.5
context = Context(Paths(root), Rules(start=root))
sys.exit(supervisor.Supervisor(context, sys.argv[2:]).run())
"""


class Running:
    """A supervisor and what it has said; ends with everything it has started."""

    def __init__(self, root: Path, *names: str) -> None:
        self.root = root
        self.paths = Paths(root)
        self.lines: list[str] = []
        self._rest = b""
        self.process = subprocess.Popen(
            # a container's first process may have been given inheritable capabilities as well
            ["setpriv", "--inh-caps=+net_bind_service,+chown",
             sys.executable, "-c", PROGRAM, str(root), *names],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PYTHONPATH": str(TREE), "NOTIFY_SOCKET": "/nonsense", "WATCHDOG_USEC": "1",
                 "SECRET_OF_ROOT": "x"},
        )  # fmt: skip

    def wait_for(self, text: str, timeout: float = 10.0) -> str:
        """Read on until a line has this text."""
        for line in self.lines:
            if text in line:
                self.lines.remove(line)
                return line
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while True:
            ready, _, _ = select.select([fd], [], [], timeout)
            chunk = os.read(fd, 65536) if ready else b""
            assert chunk, f"no {text!r} in:\n" + "\n".join(self.lines)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self.lines += [line.decode() for line in lines]
            for line in self.lines:
                if text in line:
                    self.lines.remove(line)
                    return line

    def facts(self, name: str) -> dict:
        line = self.wait_for(f"[{name}] {{")
        return json.loads(line.partition("] ")[2])

    def order(self, command: str, *sites: str) -> dict:
        request = {"command": command, "sites": list(sites)}
        return talk.ask(str(self.paths.supervisor), request, 20)

    def write(self, name: str, text: str = "") -> None:
        path = self.paths.site_file(name)
        path.write_text(f'app = "a:b"\nuser = "nobody"\nsocket_group = "nogroup"\n{text}')
        path.chmod(0o644)


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sites-", dir="/tmp") as directory:
        path = Path(directory)
        path.chmod(0o755)
        for part in ("etc/gunicorn.d", "run", "var/log"):
            (path / part).mkdir(parents=True)
        (path / "master.py").write_text(MASTER)
        yield path


@contextlib.contextmanager
def supervising(root: Path, *names: str, **sites: str) -> Iterator[Running]:
    for name, text in sites.items():
        Running.write(type("R", (), {"paths": Paths(root)}), name, text)  # type: ignore[arg-type]
    running = Running(root, *names)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
        try:
            running.process.wait(20)
        finally:
            running.process.kill()
            assert running.process.stdout is not None
            running.process.stdout.close()


def test_a_site_is_its_users_and_nothing_of_roots_comes_along(root: Path) -> None:
    with supervising(root, shop='[env]\nA = "1"\n[limits]\nnofile = 100\n') as running:
        facts = running.facts("shop")
        running.wait_for("site shop: ready")
    assert (facts["uid"], facts["gid"]) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert set(facts["groups"]) <= {NOBODY.pw_gid}
    assert facts["sid"] == facts["pid"]
    assert (facts["umask"], facts["cwd"], facts["fds"]) == (0o027, "/", [0, 1, 2])
    status = dict(line.split(":\t", 1) for line in facts["status"].splitlines() if ":\t" in line)
    assert {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    environment = facts["env"]
    assert environment["A"] == "1"
    assert environment["NOTIFY_SOCKET"] == str(Paths(root).notify)
    assert not environment.keys() & {"WATCHDOG_USEC", "SECRET_OF_ROOT", "PYTHONPATH"}


def test_term_stops_everything_and_removes_the_sockets(root: Path) -> None:
    with supervising(root, shop="", family="") as running:
        child = int(running.wait_for("[family] child").split()[-1])
        running.wait_for("site shop: ready")
        running.wait_for("site family: ready")
        running.process.terminate()
        running.wait_for("site shop: stopped")
        running.wait_for("site family: stopped")
        assert running.process.wait(10) == 0
    assert not Path(f"/proc/{child}").exists()
    assert sorted(path.name for path in Paths(root).run.iterdir()) == [
        "family", "shop", "supervisor.lock"
    ]  # fmt: skip


def test_a_crash_is_started_again_and_takes_nobody_along(root: Path) -> None:
    with supervising(root, shop="", crash="") as running:
        running.wait_for("site crash: pid")
        running.wait_for("site shop: ready")
        first = running.facts("crash")["pid"]
        assert running.facts("crash")["pid"] != first
        sites = running.order("status")["sites"]
        assert (sites["shop"]["active"], sites["shop"]["restarts"]) == ("active", 0)
        assert sites["crash"]["exit_status"] == 5


def test_a_killed_master_leaves_no_worker_behind(root: Path) -> None:
    with supervising(root, family="") as running:
        pid = running.facts("family")["pid"]
        child = int(running.wait_for("[family] child").split()[-1])
        running.wait_for("site family: ready")
        os.kill(pid, signal.SIGKILL)
        running.wait_for("ended by signal 9")
        running.wait_for("site family: ready")
        assert not Path(f"/proc/{child}").exists()


def test_a_stubborn_site_is_killed_after_its_patience(root: Path) -> None:
    with supervising(root, stubborn="graceful_timeout = 0\n") as running:
        running.wait_for("site stubborn: ready")
        answer = running.order("stop", "stubborn")
        assert answer["ok"] is True
        running.wait_for("did not end in time, killing")


def test_orders_are_answered_when_they_are_done(root: Path) -> None:
    with supervising(root, shop="") as running:
        first = running.facts("shop")["pid"]
        running.wait_for("site shop: ready")
        assert running.order("restart", "shop")["ok"] is True
        second = running.facts("shop")["pid"]
        assert second != first
        assert running.order("stop", "shop")["ok"] is True
        assert not Path(f"/proc/{second}").exists()
        assert running.order("sync") == {"ok": True, "messages": [], "problems": []}
        assert running.order("start", "shop")["ok"] is True
        status = running.order("status")["sites"]["shop"]
        assert (status["active"], status["text"]) == ("active", "fine  [2J")
        assert running.order("dance")["ok"] is False


def test_sync_follows_the_site_files(root: Path) -> None:
    with supervising(root, shop="") as running:
        pid = running.facts("shop")["pid"]
        running.wait_for("site shop: ready")
        running.write("new")
        running.write("bad", "tiemout = 5\n")
        answer = running.order("sync")
        assert answer["ok"] is False
        assert answer["messages"] == ["site new: started"]
        assert [line.rpartition("/")[2] for line in answer["problems"]] == [
            "bad.conf:4: unknown key tiemout: did you mean timeout?"
        ]
        for name in ("new", "bad"):
            running.paths.site_file(name).unlink()
        answer = running.order("sync")
        assert answer["ok"] is True
        assert sorted(answer["messages"]) == [
            "site bad: stopped, its site file is gone",
            "site new: stopped, its site file is gone",
        ]
        assert running.order("status")["sites"]["shop"]["pid"] == pid
        running.write("late")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("site late: ready")
        running.process.send_signal(signal.SIGUSR1)
        running.wait_for("[shop] reopened")


def test_named_sites_that_are_all_refused_end_the_supervisor(root: Path) -> None:
    with supervising(root, "refused", refused="", other="") as running:
        running.wait_for("site refused: pid")
        assert running.process.wait(10) == 78


def test_only_one_supervisor_and_nobody_else_gives_orders(root: Path) -> None:
    with supervising(root, shop="") as running:
        running.wait_for("site shop: ready")
        with supervising(root) as second:
            second.wait_for("another gunicornctl run is at work")
            assert second.process.wait(10) != 0
        assert running.order("status")["ok"] is True
        question = talk.Question(
            "x", str(running.paths.supervisor), NOBODY.pw_uid, NOBODY.pw_gid, {"command": "stop"}
        )
        with pytest.raises(talk.TalkError, match="Permission denied"):
            talk.ask_as(question, 5)


@pytest.mark.parametrize(
    ("text", "number"), [("512", 512), ("2K", 2048), ("3G", 3 << 30), ("infinity", -1)]
)
def test_limits_become_numbers(text: str, number: int) -> None:
    assert parse_limit(text) == number
