"""A real server in a subprocess, a strict client for it, and the proof that nothing is left.

    with Server("tests.apps.basic:hello", "--workers", "2") as server:
        assert server.request(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n").status == 200

``server`` holds the process, ``once`` one that ends by itself, ``client`` the connection and the
response, ``processes`` what /proc and pidfds tell.  Nothing here imports the server's own code: a
mistake there cannot be repeated.
"""

from __future__ import annotations

from tests.harness import processes
from tests.harness.client import BrokenResponse, Connection, NoResponse, Response
from tests.harness.gate import Gate, Waiting
from tests.harness.load import Load
from tests.harness.once import Finished, run_gunicorn
from tests.harness.server import DEADLINE, Server, ServerFailed

__all__ = [
    "DEADLINE",
    "BrokenResponse",
    "Connection",
    "Finished",
    "Gate",
    "Load",
    "NoResponse",
    "Response",
    "Server",
    "ServerFailed",
    "Waiting",
    "processes",
    "run_gunicorn",
]
