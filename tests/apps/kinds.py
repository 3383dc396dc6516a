"""One application for every class of workers and every version of its library; needs nothing else.

The same answers as WSGI (``application``) and, where tornado is, as tornado's own (``native``).
``/wait`` says by a line and the file ``arrived.test`` in ``$STATE`` that it has begun, and waits
there for ``go.test``.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path


def answer(path, body):
    """Give the answer to a request, all but the waiting."""
    if path == "/which":
        found = []
        for name in ("gevent", "eventlet", "tornado"):
            if name in sys.modules:
                module = sys.modules[name]
                found.append(f"{name} {getattr(module, 'version', None) or module.__version__}")
        return " ".join(found)
    if path == "/dns":
        # Of the hosts file, and nowhere: both must come back as from the C library.
        assert socket.gethostbyname("localhost") == "127.0.0.1"
        assert socket.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)
        try:
            socket.getaddrinfo("name.invalid", 80)
        except OSError as exc:
            return type(exc).__name__
    if path == "/subprocess":
        done = subprocess.run(["cat"], input=b"piped", stdout=subprocess.PIPE, timeout=30)
        shell = subprocess.Popen(["sh", "-c", "exit 3"])
        return f"{done.stdout.decode()} {done.returncode} {shell.wait(30)}"
    if path == "/sleep":
        begun = time.monotonic()
        time.sleep(0.3)
        assert 0.29 < time.monotonic() - begun < 20
        return "slept"
    if body:
        return hashlib.sha256(body).hexdigest()
    return "hello"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/wait":
        arrive()
        while not go().exists():
            time.sleep(0.05)
    body = answer(path, environ["wsgi.input"].read()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def arrive():
    Path(os.environ["STATE"], "arrived.test").touch()
    print("arrived", flush=True)


def go():
    return Path(os.environ["STATE"], "go.test")


if "tornado" in sys.modules:
    import asyncio

    from tornado import web

    class Handler(web.RequestHandler):
        async def get(self):
            if self.request.path == "/wait":
                arrive()
                while not go().exists():
                    await asyncio.sleep(0.05)
            self.write(answer(self.request.path, self.request.body))

        post = get

    native = web.Application([("/.*", Handler)])
