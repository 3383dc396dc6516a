"""Start a peer on its core, know when it answers rightly, and end all of it.

A server gets a directory of its own holding the application and its logs, a session of its own
(that is how its processes are found and ended), and nothing of our environment but PATH and HOME.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import apps
from benchmarks.peers import Launch, Peer
from benchmarks.probes import Tree
from benchmarks.scenarios import Scenario

HOST = "127.0.0.1"

#: A server that has not answered by then never will.
_START_TIMEOUT = 20.0
_STOP_TIMEOUT = 5.0


class PeerFailedError(Exception):
    """The peer did not start, or answered wrongly; the text says how, for a person."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started server."""

    port: int
    tree: Tree

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def request_body(port: int, scenario: Scenario) -> bytes:
    """Ask once, as the scenario does, and return the body of the answer.

    Raises:
        OSError, http.client.HTTPException: no answer, or none that is HTTP.
        PeerFailedError: an answer that is not 200.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    with contextlib.closing(connection):
        body = b"b" * scenario.body_size
        method = "POST" if body else "GET"
        connection.request(method, scenario.path, body or None, dict(scenario.fields))
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise PeerFailedError(f"{scenario.name}: answered {answer.status} {answer.reason}")
        return answer.read()


def _wait_ready(process: subprocess.Popen[bytes], port: int, scenario: Scenario) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        if process.poll() is not None:
            raise PeerFailedError(f"ended with status {process.returncode} before it answered")
        try:
            body = request_body(port, scenario)
            break
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise PeerFailedError(f"no answer in {_START_TIMEOUT:.0f} s: {error}") from error
        time.sleep(0.05)  # the peers have no common way of saying that they are ready
    if body != scenario.answer:
        raise PeerFailedError(f"{scenario.name}: wrong body of {len(body)} bytes")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole session: politely, then for certain."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_TIMEOUT)
    for stat in Tree(process.pid).read_stats():
        with contextlib.suppress(ProcessLookupError):
            os.kill(stat.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def started(
    peer: Peer,
    home: Path,
    scenario: Scenario,
    core: int,
    worker_connections: int | None = None,
) -> Iterator[Running]:
    """Run ``peer`` on ``core`` for the length of a with-block.

    Raises:
        PeerFailedError: it did not start or answered wrongly; carries the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="gunicorn-bench-") as name:
        directory = Path(name)
        shutil.copy(apps.__file__, directory / "apps.py")
        log = directory / "access.log" if scenario.access_log else None
        launch = Launch(HOST, _free_port(), log, worker_connections)
        path = os.pathsep.join(filter(None, [peer.import_path, name]))
        environ = {"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": path}
        with (directory / "server.log").open("wb") as output:
            process = subprocess.Popen(
                peer.argv(home, launch),
                cwd=directory,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(os.sched_setaffinity, 0, {core}),
            )
        try:
            _wait_ready(process, launch.port, scenario)
            yield Running(launch.port, Tree(process.pid))
        except PeerFailedError as error:
            said = (directory / "server.log").read_text(errors="replace")[-2000:]
            raise PeerFailedError(f"{peer.name}: {error}\n{said}".rstrip()) from error
        finally:
            _end(process)
