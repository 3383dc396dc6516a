"""One worker and two thousand slow clients: what ordinary requests notice, and what parking costs.

    scripts/bench slow-clients [--peers ours,granian] [--rounds 3] [--seconds 4]

Each round starts the server afresh, measures ordinary requests alone, adds the crowd kind by kind
and measures again. Ordinary requests alternate between one kept-alive connection and new ones.
Memory per parked connection is the growth of the server's PSS less the bytes those clients really
sent; the kernel's socket buffers are nobody's PSS and not counted. The 1 MiB that readers do not
take is one object of the application: a server that copies it for each of them shows 1 MiB each.

What the server must reach: p99 in the crowd at most 3 times the one alone, and less than 16 KiB
for a parked connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import crowd, measure, servers
from benchmarks.peers import OURS, PEERS, Peer, default_home
from benchmarks.scenarios import SCENARIOS

#: kind -> how many of them make the crowd
CROWD = dict(zip(crowd.KINDS, (1000, 500, 500), strict=True))

_WORKER_CONNECTIONS = 4096
_PAUSE = 0.001
_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_CLIENT_TIMEOUT = 5.0
_SETTLE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds an ordinary request took; ``unanswered`` had no answer after five seconds."""

    requests: int
    median: float
    p99: float
    worst: float
    unanswered: int


@dataclass(frozen=True, slots=True)
class Parking:
    """What one kind of slow client cost the server: bytes of PSS each, beyond what it sent."""

    kind: str
    opened: int
    kept: int
    bytes_each: float


@dataclass(frozen=True, slots=True)
class Round:
    """One server's life."""

    peer: str
    alone: Latency
    crowded: Latency
    parking: list[Parking]

    @property
    def ratio(self) -> float:
        return self.crowded.p99 / self.alone.p99


def summarize(times: list[float], unanswered: int = 0) -> Latency:
    """Return the figures of so many requests; an unanswered one counts as the longest wait."""
    ordered = sorted(times) + [_CLIENT_TIMEOUT] * unanswered
    return Latency(
        requests=len(ordered),
        median=statistics.median(ordered),
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        worst=ordered[-1],
        unanswered=unanswered,
    )


class Client:
    """Asks ordinary requests, one at a time: in turn on the kept connection and on a new one."""

    def __init__(self, port: int) -> None:
        self._address = (servers.HOST, port)
        self._kept: socket.socket | None = None

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(self._address, timeout=_CLIENT_TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    @staticmethod
    def _ask(sock: socket.socket, request: bytes) -> bool:
        """Return whether an answer came; False when the server had closed the connection."""
        answer = b""
        sock.sendall(request)
        while not answer.endswith(b"Hello, world!\n"):
            data = sock.recv(65536)
            if not data:
                return False
            answer += data
        return True

    def ask_kept(self) -> None:
        """Raises: TimeoutError, ConnectionError."""
        for _ in range(2):  # a server may close an idle connection at any time; then ask anew
            if self._kept is None:
                self._kept = self._connect()
            with contextlib.suppress(ConnectionError):
                if self._ask(self._kept, _REQUEST):
                    return
            self.close()
        raise ConnectionError("closed without an answer, twice")

    def ask_new(self) -> None:
        """Raises: TimeoutError, ConnectionError."""
        with self._connect() as sock:
            if not self._ask(sock, _LAST_REQUEST):
                raise ConnectionError("closed without an answer")

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def measure_latency(port: int, seconds: float) -> Latency:
    """Ask for so many seconds; stops early when the server has stopped answering."""
    client = Client(port)
    times: list[float] = []
    unanswered = 0
    deadline = time.monotonic() + seconds
    with contextlib.closing(client):
        while time.monotonic() < deadline and unanswered < 2:
            for ask in (client.ask_kept, client.ask_new):
                start = time.perf_counter()
                try:
                    ask()
                except (TimeoutError, ConnectionError):
                    client.close()
                    unanswered += 1
                else:
                    times.append(time.perf_counter() - start)
            time.sleep(_PAUSE)
    return summarize(times, unanswered)


class Slowness:
    """The crowd's process, spoken to line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> dict[str, dict[str, int]]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise servers.PeerFailedError("the crowd could not connect")
        found: dict[str, dict[str, int]] = json.loads(answer)
        return found


@contextlib.contextmanager
def gathered(port: int) -> Iterator[Slowness]:
    """Run the crowd's process, still empty, for the length of a with-block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd", servers.HOST, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Slowness(process)
    finally:
        process.kill()
        process.communicate()


def wait_settled(server: servers.Running) -> int:
    """Return the PSS once it has stopped moving: the server has taken in who came."""
    deadline = time.monotonic() + _SETTLE_TIMEOUT
    last = server.tree.read_pss()
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = server.tree.read_pss()
        if abs(now - last) < 64 * 1024:
            return now
        last = now
    return last


def run_round(peer: Peer, home: Path, seconds: float) -> Round:
    """Measure one life of a server.

    Raises:
        servers.PeerFailedError: it does not start, or refuses the crowd's connections.
    """
    core, load_core = measure.choose_cores()
    os.sched_setaffinity(0, {load_core})
    hello = SCENARIOS["hello"]
    with servers.started(peer, home, hello, core, _WORKER_CONNECTIONS) as server:
        measure_latency(server.port, 0.5)
        alone = measure_latency(server.port, seconds)
        with gathered(server.port) as slow:
            before = wait_settled(server)
            growth = {}
            for kind, count in CROWD.items():
                slow.say(f"open {kind} {count}")
                after = wait_settled(server)
                growth[kind] = after - before - slow.say("report")[kind]["sent"]
                before = after
            crowded = measure_latency(server.port, seconds)
            report = slow.say("report")
    parking = [
        Parking(kind, report[kind]["opened"], report[kind]["kept"], growth[kind] / CROWD[kind])
        for kind in CROWD
    ]
    return Round(peer.name, alone, crowded, parking)


def format_rounds(rounds: list[Round]) -> str:
    """Return the table for a terminal; the median ratio of each peer comes last."""
    lines = []
    for result in rounds:
        lines.append(f"{result.peer}: p99 in the crowd is {result.ratio:.2f} times the one alone")
        for name, latency in (("alone", result.alone), ("in the crowd", result.crowded)):
            lines.append(
                f"  {name:14}{latency.requests:6} requests  median {latency.median * 1e6:7.0f} us"
                f"  p99 {latency.p99 * 1e6:7.0f} us  worst {latency.worst * 1e6:7.0f} us"
                f"  unanswered {latency.unanswered}"
            )
        for parked in result.parking:
            lines.append(
                f"  {parked.kind:14}{parked.kept} of {parked.opened} kept, "
                f"{parked.bytes_each / 1024:.1f} KiB each beyond what it sent"
            )
    for peer in dict.fromkeys(result.peer for result in rounds):
        ratios = [result.ratio for result in rounds if result.peer == peer]
        lines.append(f"{peer}: median ratio {statistics.median(ratios):.2f}")
    return "\n".join(lines) + "\n"


def raise_file_limit() -> None:
    """Allow as many descriptors as the hard limit does, for us, the crowd and the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = sum(CROWD.values()) + 100
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"bench: needs {needed} open files, the hard limit is {hard}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench slow-clients")
    parser.add_argument("--home", type=Path, default=default_home(), help=argparse.SUPPRESS)
    parser.add_argument("--peers", default=OURS, help=f"default: {OURS}; known: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    raise_file_limit()
    rounds = []
    for _ in range(arguments.rounds):
        for name in arguments.peers.split(","):
            try:
                rounds.append(run_round(PEERS[name], arguments.home, arguments.seconds))
            except servers.PeerFailedError as error:
                print(f"bench: left out: {error}", file=sys.stderr)
    if arguments.json:
        print(json.dumps([asdict(result) for result in rounds], indent=2))
    else:
        sys.stdout.write(format_rounds(rounds))
    return 0 if rounds else 1


if __name__ == "__main__":
    sys.exit(main())
