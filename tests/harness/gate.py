"""A gate that requests wait at: the test sees each one arrive and says when it may go on.

The application side is ``tests.apps.gate``: it connects to the Unix socket named by the variable
GATE, says which process it is, and waits for a byte.  No test needs to sleep to know that a request
is being worked on.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

from tests.harness.server import DEADLINE

VARIABLE = "GATE"


class Waiting:
    """One request that waits at the gate."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.pid = int(sock.makefile("rb").readline())

    def let_go(self) -> None:
        self._sock.sendall(b"x")
        self._sock.close()

    def is_lost(self) -> bool:
        """Wait for the process that serves the request to die or give up."""
        return self._sock.recv(1) == b""

    def close(self) -> None:
        self._sock.close()


class Gate:
    """Hand ``env`` to the server; ``next_arrival()`` waits for the next request at the gate."""

    def __enter__(self) -> Gate:
        self._directory = tempfile.mkdtemp(prefix="gunicorn-gate-")
        path = Path(self._directory) / "gate"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.settimeout(DEADLINE)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._arrived: list[Waiting] = []
        self.env = {VARIABLE: os.fspath(path)}
        return self

    def next_arrival(self, timeout: float = DEADLINE) -> Waiting:
        """Wait for the next request. Raises TimeoutError."""
        self._listener.settimeout(timeout)
        sock, _ = self._listener.accept()
        sock.settimeout(DEADLINE)
        waiting = Waiting(sock)
        self._arrived.append(waiting)
        return waiting

    def __exit__(self, *exc_info: object) -> None:
        for waiting in self._arrived:
            waiting.close()
        self._listener.close()
        shutil.rmtree(self._directory)
