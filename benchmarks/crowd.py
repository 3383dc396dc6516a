"""Slow clients, in a process of their own so that they do not disturb who measures.

Told on standard input what to do, one line each, answered with one JSON line each:

    open KIND COUNT     connect so many clients of a kind
    report              count the connections the server still keeps, and the bytes sent, by kind

Kinds: ``heads`` send half a request head and fall silent; ``uploads`` send a whole head and then a
body byte by byte, one a second; ``readers`` ask for 1 MiB and never read it. End of input ends it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from dataclasses import dataclass, field

KINDS = ("heads", "uploads", "readers")

_OPENINGS = {
    "heads": b"GET / HTTP/1.1\r\nHost: slow.example\r\nUser-Agent: slow\r\nX-Half: ",
    "uploads": b"POST /post HTTP/1.1\r\nHost: slow.example\r\nContent-Length: 65536\r\n\r\n",
    "readers": b"GET /megabyte HTTP/1.1\r\nHost: slow.example\r\n\r\n",
}

_ESTABLISHED = 1  # TCP_ESTABLISHED, the first byte of struct tcp_info

#: Bytes are sent a few clients at a time, evenly over the second: the crowd shares a core with the
#: process that measures, and one burst of all would be what it measures.
_TICK = 0.01


@dataclass(slots=True)
class Kind:
    """The clients of one kind."""

    name: str
    sockets: list[socket.socket] = field(default_factory=list)
    sent: int = 0

    def open(self, address: tuple[str, int], count: int) -> None:
        for _ in range(count):
            sock = socket.socket()
            if self.name == "readers":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(address)
            sock.setblocking(False)
            self.sent += sock.send(_OPENINGS[self.name])
            self.sockets.append(sock)

    def send_byte(self, sock: socket.socket) -> None:
        try:
            self.sent += sock.send(b"b")
        except OSError:
            pass  # the server gave up on it, which the report shows

    def count_kept(self) -> int:
        return sum(
            sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
            for sock in self.sockets
        )


class Crowd:
    """All clients, and whose turn it is to send a byte."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.kinds = {name: Kind(name) for name in KINDS}
        self._turn = 0
        self._owed = 0.0

    def trickle(self, elapsed: float) -> None:
        """Let as many uploads send a byte as are due after so many seconds."""
        uploads = self.kinds["uploads"]
        if not uploads.sockets:
            return
        self._owed += elapsed * len(uploads.sockets)
        due, self._owed = int(self._owed), self._owed % 1
        for _ in range(min(due, len(uploads.sockets))):
            self._turn = (self._turn + 1) % len(uploads.sockets)
            uploads.send_byte(uploads.sockets[self._turn])

    def obey(self, command: str) -> dict[str, object]:
        """Carry out one line and return what to answer."""
        verb, *arguments = command.split()
        if verb == "open":
            name, count = arguments
            self.kinds[name].open(self.address, int(count))
            return {"opened": int(count)}
        if verb == "report":
            return {
                name: {"opened": len(kind.sockets), "kept": kind.count_kept(), "sent": kind.sent}
                for name, kind in self.kinds.items()
            }
        raise ValueError(f"unknown command: {command!r}")


def main() -> None:
    host, port = sys.argv[1:]
    crowd = Crowd((host, int(port)))
    pending = b""
    last = time.monotonic()
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], _TICK)
        now = time.monotonic()
        crowd.trickle(now - last)
        last = now
        if not readable:
            continue
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            print(json.dumps(crowd.obey(line.decode())), flush=True)


if __name__ == "__main__":
    main()
