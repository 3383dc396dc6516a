"""A real server as a context manager: started, ready, used, stopped, and proven gone.

Rules: the server runs in its own temporary directory, on port 0 or a Unix socket in that directory;
``__enter__`` returns when READY=1 has arrived on the NOTIFY_SOCKET, never before; every wait has a
deadline; ``__exit__`` stops it with TERM and fails when a process, a file or an unexpected error in
the log is left.  The log is attached to whatever exception leaves the with-block.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.harness import processes
from tests.harness.client import Connection, Response
from tests.harness.surroundings import DEADLINE, ROOT, ServerFailed, environment, write_files
from tests.harness.watch import Watch

__all__ = [
    "BINDS",
    "CERTIFICATE",
    "DEADLINE",
    "KEY",
    "ROOT",
    "Server",
    "ServerFailed",
    "write_files",
]

CERTIFICATE = Path(__file__).parent / "tls" / "server.crt"
KEY = Path(__file__).parent / "tls" / "server.key"

LISTENING = re.compile(r"Listening at: (.+) \(\d+\)")
TCP_ADDRESS = re.compile(r"https?://(\[[^]]+\]|[^:]+):(\d+)")
#: a descriptor dropped while the server runs is a leak; at the end of the process (sys:1) it is not
UNEXPECTED = re.compile(
    r"\[(?:ERROR|CRITICAL)\]|^Traceback |^(?!sys:1:).*ResourceWarning|Fatal Python error"
)

#: what --bind is given for the short names of listeners
BINDS = {
    "tcp": "127.0.0.1:0",
    "tcp6": "[::1]:0",
    "unix": "unix:socket",
    "tls": "127.0.0.1:0",
}


class Server:
    """A running server.

    :param app: ``module:object``, or the path of a Python file that defines ``application``, or
        None when the flags say it all.
    :param flags: further command-line words.
    :param bind: "tcp", "tcp6", "unix", "tls", any address ``--bind`` takes, or None for no flag.
    :param env: added to the environment of the server.
    :param files: name -> text, written into its directory before the start.
    :param expect_errors: True lets any error stand in the log, a list of texts lets lines with one
        of them stand (and then tracebacks too).
    """

    def __init__(
        self,
        app: str | Path | None = "tests.apps.basic:hello",
        *flags: str,
        bind: str | None = "tcp",
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        expect_errors: bool | Sequence[str] = False,
    ) -> None:
        self.bind = bind
        self.expect_errors = expect_errors
        self.mark = uuid.uuid4().hex
        self.pid = 0
        self.returncode: int | None = None
        self._app = app
        self._flags = flags
        self._env = dict(env or {})
        self._files = files
        self._has_ended = False
        self._is_searched = False

    # -- start -------------------------------------------------------------------------------------

    def __enter__(self) -> Server:
        self._base = Path(tempfile.mkdtemp(prefix="gunicorn-test-"))
        self.directory = self._base / "site"
        self.directory.mkdir()
        write_files(self.directory, self._files)
        self._given_files = self._list_files()
        self._notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify_socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._notify_socket.bind(str(self._base / "notify"))
        self._base.chmod(0o711)
        (self._base / "notify").chmod(0o777)
        log_read, log_write = os.pipe()
        try:
            self._process = subprocess.Popen(
                self.command_line(),
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log_write,
                stderr=log_write,
            )
        finally:
            os.close(log_write)
        self._log_descriptor = log_read
        self.pid = self._process.pid
        self._watch = Watch(log_read, self._notify_socket, self.pid)
        self._watch.start()
        try:
            self._wait_ready()
        except BaseException as error:
            error.add_note(self._describe())
            self._dispose()
            raise
        return self

    def command_line(self) -> list[str]:
        words = [sys.executable, "-m", "gunicorn"]
        if self.bind is not None:
            words += ["--bind", BINDS.get(self.bind, self.bind)]
        if self.bind == "tls":
            words += ["--certfile", str(CERTIFICATE), "--keyfile", str(KEY)]
        words += self._flags
        if isinstance(self._app, Path):
            words.append(f"{self._app.stem}:application")
        elif self._app is not None:
            words.append(self._app)
        return words

    def _environment(self) -> dict[str, str]:
        env = environment(self.mark, self._env)
        env["NOTIFY_SOCKET"] = str(self._base / "notify")
        if isinstance(self._app, Path):
            env["PYTHONPATH"] += f":{self._app.resolve().parent}"
        return env

    @property
    def is_daemon(self) -> bool:
        return "--daemon" in self._flags or "-D" in self._flags

    def _wait_ready(self) -> None:
        def heard() -> bool:
            # a daemon's first process ends early and in peace
            return self._count_ready() > 0 or (self._watch.is_dead and not self.is_daemon)

        if not self._watch.wait_for(heard, DEADLINE):
            raise ServerFailed(f"no READY=1 within {DEADLINE} s")
        if not self._count_ready():
            raise ServerFailed(f"the server ended with {self._process.wait()} before it was ready")
        if self.is_daemon:
            self._process.wait(DEADLINE)
            self.pid = next(n.pid for n in self._watch.notifications if "READY=1" in n.states)
        self.wait_log("Listening at: ", start=0)
        self.addresses = self._parse_addresses()
        self.address = self.addresses[0]

    def _count_ready(self) -> int:
        return sum("READY=1" in heard.states for heard in self._watch.notifications)

    def _parse_addresses(self) -> list[tuple[str, int] | str]:
        return parse_addresses(LISTENING.findall(self.log_text())[-1], self.directory)

    # -- use ---------------------------------------------------------------------------------------

    def connect(self, which: int = 0) -> Connection:
        """Connect to listener number ``which``, with TLS where the server speaks it."""
        return self.connect_to(self.addresses[which])

    def connect_to(self, address: tuple[str, int] | str) -> Connection:
        sock = self.connect_raw(address)
        if self.bind == "tls":
            context = ssl.create_default_context(cafile=str(CERTIFICATE))
            sock = context.wrap_socket(sock, server_hostname="localhost")
        return Connection(sock)

    def connect_raw(self, address: tuple[str, int] | str | None = None) -> socket.socket:
        """Connect without TLS, to the first listener when no address is given."""
        address = self.address if address is None else address
        if isinstance(address, str):
            with contextlib.ExitStack() as stack:
                sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                sock.settimeout(DEADLINE)
                sock.connect(address)
                stack.pop_all()
        else:
            sock = socket.create_connection(address, DEADLINE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def request(self, data: bytes, which: int = 0) -> Response:
        """Send ``data`` on a new connection and give the one response to it."""
        with self.connect(which) as connection:
            connection.send(data)
            return connection.read_response(data.split(b" ", 1)[0].decode("latin-1"))

    def get(self, target: str = "/", which: int = 0) -> Response:
        """Request ``target`` in the plainest way, closing the connection afterwards."""
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        return self.request(head.encode("latin-1"), which)

    # -- processes ---------------------------------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal to the master."""
        os.kill(self.pid, number)

    def worker_pids(self) -> list[int]:
        """Give the master's living children, oldest first."""
        return processes.children_of(self.pid)

    def wait_gone(self, pid: int, timeout: float = DEADLINE) -> None:
        """Wait until the process ``pid`` has ended."""
        if not processes.wait_gone(pid, timeout):
            raise ServerFailed(f"process {pid} still lives after {timeout} s")

    @property
    def is_dead(self) -> bool:
        """Whether the process that was started has ended (a daemon's launcher always has)."""
        return self._watch.is_dead

    def wait(self, timeout: float = DEADLINE) -> int | None:
        """Wait for the master to end by itself or by a signal of the test; give its exit status.

        A daemon is not our child: its status is None.
        """
        self._has_ended = True
        if self.is_daemon:
            self.wait_gone(self.pid, timeout)
            return None
        if not self._watch.wait_for(lambda: self._watch.is_dead, timeout):
            raise ServerFailed(f"the master still runs after {timeout} s")
        self.returncode = self._process.wait()
        return self.returncode

    def wait_workers(
        self, is_right: Callable[[list[int]], bool], timeout: float = DEADLINE
    ) -> list[int]:
        """Wait until the list of worker pids is as ``is_right`` says; give it.

        The kernel has no event for a child of somebody else coming to life, so this looks again
        and again.
        """
        deadline = time.monotonic() + timeout
        while not is_right(pids := self.worker_pids()):
            if time.monotonic() > deadline:
                raise ServerFailed(f"the workers are {pids} after {timeout} s")
            time.sleep(0.01)
        return pids

    # -- what it says ------------------------------------------------------------------------------

    def log_text(self) -> str:
        """Give the error log so far: standard error, and ``error*.log`` files in the directory."""
        files = sorted(self.directory.glob("error*.log*"))
        return self._watch.log + "".join(path.read_text("utf-8", "replace") for path in files)

    def log_position(self) -> int:
        return len(self.log_text())

    def wait_log(
        self, *texts: str, start: int | None = None, count: int = 1, timeout: float = DEADLINE
    ) -> str:
        """Wait until the log after ``start`` (default: now) holds all ``texts``, ``count`` times.

        :returns: the log from ``start`` on.
        """
        begin = self.log_position() if start is None else start
        deadline = time.monotonic() + timeout

        def is_there() -> bool:
            heard = self.log_text()[begin:]
            return all(heard.count(text) >= count for text in texts)

        # a log file gives no event: look again now and then; the pipe wakes us at once
        while not self._watch.wait_for(is_there, 0.05):
            if time.monotonic() > deadline:
                raise ServerFailed(f"the log does not say {texts}:\n{self.log_text()[begin:]}")
        return self.log_text()[begin:]

    @contextlib.contextmanager
    def log_contains(self, *texts: str, timeout: float = DEADLINE) -> Iterator[None]:
        """Hold that what happens in the block makes the log say all ``texts``."""
        start = self.log_position()
        yield
        self.wait_log(*texts, start=start, timeout=timeout)

    @property
    def notifications(self) -> list[str]:
        """Every state line sent to NOTIFY_SOCKET, in order."""
        return [state for heard in self._watch.notifications for state in heard.states]

    def hears(self, condition: Callable[[], bool], timeout: float = DEADLINE) -> bool:
        """Wait until ``condition`` is true; it is asked again after everything that is heard."""
        return self._watch.wait_for(condition, timeout)

    def wait_notification(self, state: str, count: int = 1, timeout: float = DEADLINE) -> None:
        """Wait until the line ``state`` has arrived ``count`` times since the start."""
        if not self._watch.wait_for(lambda: self.notifications.count(state) >= count, timeout):
            raise ServerFailed(f"no {state} (number {count}); heard {self.notifications}")

    # -- end ---------------------------------------------------------------------------------------

    def __exit__(self, exc_type: object, error: BaseException | None, trace: object) -> None:
        problems = self._stop()
        description = self._describe()
        self._dispose()
        if error is not None:
            error.add_note(description + "".join(f"\nalso: {problem}" for problem in problems))
        elif problems:
            raise ServerFailed("\n".join([*problems, description]))

    def _stop(self) -> list[str]:
        """Stop the server in peace and list everything about it that is not as it should be."""
        problems = []
        if not self._has_ended:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGTERM)
            try:
                status = self.wait()
                if status not in (0, None):
                    problems.append(f"exit status {status} after TERM")
            except ServerFailed as failure:
                problems.append(str(failure))
        problems += self._survivors()
        # the pipe ends when the last process that holds it is gone, whatever its environment says
        if not self._watch.wait_for(lambda: self._watch.is_log_ended, DEADLINE):
            problems.append("somebody still holds standard error of the server")
        problems += self._leftover_files()
        problems += self._unexpected_lines()
        return problems

    def _survivors(self) -> list[str]:
        survivors = processes.marked(self.mark)
        self._is_searched = True
        found = []
        for pid in survivors:
            # workers of a killed master leave by themselves: give them until the deadline
            if self.returncode == -signal.SIGKILL and processes.wait_gone(pid, DEADLINE):
                continue
            state = processes.stat_of(pid)
            processes.kill_quietly(pid)
            if state is not None and state[0] != "Z":
                found.append(f"process {pid} (state, parent: {state}) was left behind")
        return found

    def _list_files(self) -> set[str]:
        return {str(path.relative_to(self.directory)) for path in self.directory.rglob("*")}

    def _leftover_files(self) -> list[str]:
        return [
            f"file {name} was left behind"
            for name in sorted(self._list_files() - self._given_files)
            if ".log" not in name and not name.endswith(".test")
        ]

    def _unexpected_lines(self) -> list[str]:
        if self.expect_errors is True:
            return []
        allowed = list(self.expect_errors or [])
        lines = self.log_text().splitlines()
        return [
            f"unexpected in the log: {line}"
            for line in lines
            if UNEXPECTED.search(line)
            and not any(text in line for text in allowed)
            and not (allowed and line.startswith("Traceback "))
        ]

    def _describe(self) -> str:
        return (
            f"--- {' '.join(self.command_line()[1:])}\n"
            f"--- notifications: {self.notifications}\n--- log:\n{self.log_text()[-20000:]}---"
        )

    def _dispose(self) -> None:
        if not self._is_searched:
            for pid in processes.marked(self.mark):
                processes.kill_quietly(pid)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._watch.stop()
        os.close(self._log_descriptor)
        self._notify_socket.close()
        shutil.rmtree(self._base)


def parse_addresses(text: str, directory: Path) -> list[tuple[str, int] | str]:
    """Turn the list in ``Listening at: LIST (PID)`` into what ``connect`` takes."""
    addresses: list[tuple[str, int] | str] = []
    for part in text.split(","):
        found = TCP_ADDRESS.fullmatch(part.strip())
        if found:
            addresses.append((found[1].strip("[]"), int(found[2])))
        elif part.strip().startswith("unix:"):
            addresses.append(str(directory / part.strip().removeprefix("unix:")))
        else:
            raise ServerFailed(f"unknown address {part!r} in the log")
    return addresses
