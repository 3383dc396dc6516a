"""Applications whose requests wait at the gate of the test (``tests.harness.gate``)."""

from __future__ import annotations

import os
import socket


def pass_gate():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gate:
        gate.connect(os.environ["GATE"])
        gate.sendall(b"%d\n" % os.getpid())
        gate.recv(1)


def application(environ, start_response):
    """``/wait`` waits at the gate, ``/stream`` between two pieces; all else is answered at once."""
    headers = [("Content-Type", "text/plain")]
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", headers)
        return stream()
    if environ["PATH_INFO"] == "/wait":
        pass_gate()
    body = str(os.getpid()).encode()
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [body]


def stream():
    yield b"first "
    pass_gate()
    yield b"second"
