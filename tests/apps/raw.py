"""Applications that need a green thread, or show what it is worth."""

from __future__ import annotations

import contextlib
import subprocess
import time

from gunicorn.workers.base_async import ALREADY_HANDLED
from tests.apps.gate import pass_gate


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raw":
        return speak(environ["gunicorn.socket"])
    if path == "/block":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pass
    if path == "/sleep":
        time.sleep(0.5)
    if path == "/wait":
        pass_gate()
    if path == "/stubborn":
        with contextlib.suppress(BaseException):
            pass_gate()
    if path == "/subprocess":
        assert subprocess.run(["true"]).returncode == 0
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def speak(sock):
    """Send back in upper case what comes, until there is nothing more."""
    sock.sendall(b"ready\n")
    while data := sock.recv(1024):
        sock.sendall(data.upper())
    return ALREADY_HANDLED
