"""Connections that are held: long polls, and WebSockets that echo; what each costs one worker.

    scripts/bench held [--peers ours-gevent,gunicorn-gevent] [--rounds 3] [--polls 5000]

Each server is started afresh. ``polls`` clients ask for ``/poll``, whose answer waits for news; the
growth of the server's PSS is what they cost. Then there is news, and all of them must be answered.
``sockets`` clients upgrade to WebSocket on another fresh server and each sends a message, round
after round, when the last one has come back. One process with epoll is all clients.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import select
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import apps, measure, servers
from benchmarks.peers import PEERS, Peer, default_home
from benchmarks.scenarios import BROWSER_FIELDS, SCENARIOS
from benchmarks.slow_clients import wait_settled

#: connections that are opened before the server is given time to take them in
_BATCH = 100
_PATIENCE = 60.0

_FIELDS = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_FIELDS)
_POLL = f"GET /poll HTTP/1.1\r\nHost: 127.0.0.1\r\n{_FIELDS}\r\n".encode()
_UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_TEXT = b"0123456789abcdef" * 2
#: a text frame of a client, masked with zeros, and the frame that comes back (RFC 6455, 5.2)
_FRAME = bytes([0x81, 0x80 | len(_TEXT)]) + bytes(4) + _TEXT
_ECHO = bytes([0x81, len(_TEXT)]) + _TEXT


@dataclass(frozen=True, slots=True)
class Held:
    """What one server did. ``bytes_each`` is PSS for each poll; ``cpu`` seconds for each echo."""

    peer: str
    polls: int
    answered: int
    idle_pss: int
    bytes_each: float
    sockets: int
    echoes: int
    rate: float
    cpu: float
    socket_bytes_each: float


class Clients:
    """So many connections, each waiting for its next answer."""

    def __init__(self, port: int) -> None:
        self._address = (servers.HOST, port)
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._read: dict[int, bytes] = {}

    def open(self, count: int, request: bytes) -> None:
        """Connect ``count`` clients, each of which sends ``request``."""
        for _ in range(count):
            sock = socket.create_connection(self._address, timeout=_PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(request)
            sock.setblocking(False)
            self._sockets[sock.fileno()] = sock
            self._epoll.register(sock, select.EPOLLIN)
            if len(self._sockets) % _BATCH == 0:
                time.sleep(0.05)  # the kernel's queue of the listener is shorter than the crowd

    def gather(self, end: bytes) -> int:
        """Return how many clients have been sent something that ends with ``end``."""
        missing = set(self._sockets)
        self._read = dict.fromkeys(missing, b"")
        deadline = time.monotonic() + _PATIENCE
        while missing and (left := deadline - time.monotonic()) > 0:
            for fd, _ in self._epoll.poll(left, 1024):
                data = self._sockets[fd].recv(65536)
                self._read[fd] += data
                if not data:
                    self._epoll.unregister(fd)
                if not data or self._read[fd].endswith(end):
                    missing.discard(fd)
        return sum(read.endswith(end) for read in self._read.values())

    def echo(self, seconds: float) -> int:
        """Send a message each, again whenever one has come back whole; return how many came."""
        count = 0
        read = dict.fromkeys(self._sockets, b"")
        for sock in self._sockets.values():
            sock.send(_FRAME)
        deadline = time.monotonic() + seconds
        while (now := time.monotonic()) < deadline:
            for fd, _ in self._epoll.poll(deadline - now, 1024):
                data = self._sockets[fd].recv(65536)
                if not data:
                    raise servers.PeerFailedError("a WebSocket was closed")
                read[fd] += data
                if read[fd] == _ECHO:
                    read[fd] = b""
                    count += 1
                    self._sockets[fd].send(_FRAME)
        return count

    def close(self) -> None:
        self._epoll.close()
        for sock in self._sockets.values():
            sock.close()


@contextmanager
def _connected(port: int) -> Iterator[Clients]:
    clients = Clients(port)
    try:
        yield clients
    finally:
        clients.close()


def measure_peer(peer: Peer, home: Path, polls: int, sockets: int, seconds: float) -> Held:
    """Measure two lives of a server.

    Raises:
        servers.PeerFailedError: it does not start, or does not serve what it was asked.
    """
    core, load_core = measure.choose_cores()
    os.sched_setaffinity(0, {load_core})
    hello = SCENARIOS["hello"]
    room = max(polls, sockets) + 100
    with (
        servers.started(peer, home, hello, core, room) as server,
        _connected(server.port) as clients,
    ):
        idle = wait_settled(server)
        clients.open(polls, _POLL)
        grown = wait_settled(server) - idle
        servers.request_body(server.port, hello)  # it still answers others
        servers.request_body(server.port, dataclasses.replace(hello, path="/news"))
        answered = clients.gather(apps.HELLO)
    with (
        servers.started(peer, home, hello, core, room) as server,
        _connected(server.port) as clients,
    ):
        before = wait_settled(server)
        clients.open(sockets, _UPGRADE)
        if (upgraded := clients.gather(b"\r\n\r\n")) != sockets:
            raise servers.PeerFailedError(f"{upgraded} of {sockets} WebSockets were opened")
        socket_growth = wait_settled(server) - before
        clients.echo(1.0)
        clients.gather(_ECHO)
        used = server.tree.read_cpu()
        echoes = clients.echo(seconds)
        used = server.tree.read_cpu() - used
    return Held(
        peer=peer.name,
        polls=polls,
        answered=answered,
        idle_pss=idle,
        bytes_each=grown / polls,
        sockets=sockets,
        echoes=echoes,
        rate=echoes / seconds,
        cpu=used / max(1, echoes),
        socket_bytes_each=socket_growth / sockets,
    )


def take_median(rounds: list[Held]) -> Held:
    """Return the median of each figure over the rounds of one peer; of the answers the fewest."""
    found: dict[str, Any] = {
        name: statistics.median_low(getattr(held, name) for held in rounds)
        for name in (field.name for field in dataclasses.fields(Held))
    }
    found["answered"] = min(held.answered for held in rounds)
    return Held(**found)


def format_held(results: list[Held]) -> str:
    """Return the table for a terminal."""
    lines = []
    for held in results:
        lines += [
            f"{held.peer}",
            f"  long polls   {held.answered} of {held.polls} answered, "
            f"{held.bytes_each / 1024:.1f} KiB each (idle: {held.idle_pss / 2**20:.1f} MiB)",
            f"  WebSockets   {held.sockets} open, {held.socket_bytes_each / 1024:.1f} KiB each, "
            f"{held.rate:.0f} echoes/s, {held.cpu * 1e6:.1f} us of CPU for one",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench held")
    parser.add_argument("--home", type=Path, default=default_home(), help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="ours-gevent,gunicorn-gevent")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--polls", type=int, default=5000)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    needed = max(arguments.polls, arguments.sockets) + 100
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"bench: needs {needed} open files, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    polls, sockets, seconds = arguments.polls, arguments.sockets, arguments.seconds
    rounds: dict[str, list[Held]] = {}
    for name in arguments.peers.split(",") * arguments.rounds:
        try:
            held = measure_peer(PEERS[name], arguments.home, polls, sockets, seconds)
        except servers.PeerFailedError as error:
            print(f"bench: left out: {error}", file=sys.stderr)
        else:
            rounds.setdefault(name, []).append(held)
    results = [take_median(held) for held in rounds.values()]
    if arguments.json:
        print(json.dumps([asdict(held) for held in results], indent=2))
    else:
        sys.stdout.write(format_held(results))
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
