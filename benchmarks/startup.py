"""What it costs to start: ``--version``, and the time until hello-world is answered.

    scripts/bench startup [--rounds 15] [--json]

Ours and gunicorn from PyPI take turns, both as ``python -m gunicorn``, one worker, from a warm
cache of compiled files. The time to the first response begins where the process is started and
ends with the last byte of the answer; the client connects again and again until somebody listens.
CPU is what the process and its workers have used until then; on a machine with other work it is
the figure to look at.

What the server must reach: at most 0.7 times PyPI gunicorn's time, for both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import apps
from benchmarks.peers import OURS, PEERS, Launch, Peer, default_home
from benchmarks.servers import HOST, PeerFailedError

THEIRS = "gunicorn-sync"
_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_DEADLINE = 20.0
#: seconds between two attempts to connect: well below what is measured
_PAUSE = 0.0005


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds: ``wall`` on the clock, ``cpu`` of all processes."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both servers, medians of all rounds, and ours as a part of theirs."""

    what: str
    ours: Cost
    theirs: Cost

    @property
    def wall_ratio(self) -> float:
        return self.ours.wall / self.theirs.wall

    @property
    def cpu_ratio(self) -> float:
        return self.ours.cpu / self.theirs.cpu


def _cpu_of(pid: int) -> float:
    """Seconds of processor time of a process; of one that has ended, as long as it is a zombie."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _cpu_of_tree(pid: int) -> float:
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _cpu_of(pid) + sum(_cpu_of(int(worker)) for worker in workers)


@contextlib.contextmanager
def _running(command: list[str], peer: Peer, directory: str) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join(filter(None, [peer.import_path, directory]))
    environ = {"PATH": os.environ["PATH"], "HOME": directory, "PYTHONPATH": path}
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            process.wait(_DEADLINE)


def measure_version(peer: Peer, home: Path, directory: str) -> Cost:
    """Cost of ``python -m gunicorn --version``."""
    command = [str(home / peer.venv / "bin" / "python"), "-m", "gunicorn", "--version"]
    started = time.monotonic()
    with _running(command, peer, directory) as process:
        # Ended, but not yet reaped: its figures are still there.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        cost = Cost(time.monotonic() - started, _cpu_of(process.pid))
        status = process.wait(_DEADLINE)
    if status != 0:
        raise PeerFailedError(f"{peer.name}: --version ended with status {status}")
    return cost


def measure_first_response(peer: Peer, home: Path, directory: str) -> Cost:
    """Cost from the start of a server to its first answer."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    command = peer.argv(home, Launch(HOST, port))
    started = time.monotonic()
    with _running(command, peer, directory) as process:
        _wait_answer(process, port, started)
        return Cost(time.monotonic() - started, _cpu_of_tree(process.pid))


def _wait_answer(process: subprocess.Popen[bytes], port: int, started: float) -> None:
    while True:
        if process.poll() is not None:
            raise PeerFailedError(f"ended with status {process.returncode} before it answered")
        try:
            # Connected as soon as somebody listens; the answer comes when a worker is ready.
            with socket.create_connection((HOST, port), _DEADLINE) as sock:
                sock.sendall(_REQUEST)
                answer = b""
                while chunk := sock.recv(65536):
                    answer += chunk
            break
        except ConnectionRefusedError:
            if time.monotonic() - started > _DEADLINE:
                raise PeerFailedError(f"no answer in {_DEADLINE:.0f} s") from None
            time.sleep(_PAUSE)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise PeerFailedError(f"answered {answer[:60]!r}")


#: what is measured -> how
MEASURES: dict[str, Callable[[Peer, Path, str], Cost]] = {
    "--version": measure_version,
    "first response": measure_first_response,
}


def take_rows(home: Path, rounds: int) -> list[Row]:
    """Measure both servers in turns; the first round only warms the caches."""
    found: dict[tuple[str, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="gunicorn-bench-") as directory:
        shutil.copy(apps.__file__, Path(directory) / "apps.py")
        for number in range(rounds + 1):
            for what, measure in MEASURES.items():
                for name in (OURS, THEIRS):
                    cost = measure(PEERS[name], home, directory)
                    if number:
                        found.setdefault((what, name), []).append(cost)
    return [
        Row(what, _median(found[what, OURS]), _median(found[what, THEIRS])) for what in MEASURES
    ]


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
    )


def format_text(rows: list[Row]) -> str:
    """The table for a terminal, in milliseconds."""
    lines = [f"{'':16}{'ours':>8}{'PyPI':>8}{'ratio':>8}{'CPU ours':>10}{'PyPI':>8}{'ratio':>8}"]
    lines += [
        f"{row.what:16}{row.ours.wall * 1e3:8.1f}{row.theirs.wall * 1e3:8.1f}{row.wall_ratio:8.2f}"
        f"{row.ours.cpu * 1e3:10.1f}{row.theirs.cpu * 1e3:8.1f}{row.cpu_ratio:8.2f}"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def format_json(rows: list[Row]) -> str:
    """Everything, for a program."""
    return json.dumps([asdict(row) | {"ratio": row.wall_ratio} for row in rows], indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench startup", description=__doc__)
    parser.add_argument("--home", type=Path, default=default_home(), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=15, help="default: 15")
    parser.add_argument("--json", action="store_true", help="for a program")
    arguments = parser.parse_args()
    for name in (OURS, THEIRS):
        if PEERS[name].version(arguments.home) is None:
            print(f"bench: {name} is not installed: run scripts/bench once", file=sys.stderr)
            return 1
    rows = take_rows(arguments.home, arguments.rounds)
    sys.stdout.write(format_json(rows) if arguments.json else format_text(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
