"""Asks a server over its control socket, ``control.test`` in its directory."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.harness.server import DEADLINE, Server


def ask(server: Server, **request: Any) -> dict[str, Any]:
    """Send one request to the control socket and give the answer."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(DEADLINE)
        peer.connect(str(server.directory / "control.test"))
        peer.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(peer.makefile("rb").read())
    return answer
