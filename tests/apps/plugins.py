"""What other people's plugins do to the server, in one program (reference 10.3).

``python plugins.py [OPTIONS] APP`` is the command ``gunicorn`` with all of it installed.
"""

from __future__ import annotations

import os
import select
import sys

from gunicorn.app.base import Application
from gunicorn.config import Setting
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from gunicorn.workers.sync import SyncWorker


class Greeting(Setting):
    """An option of one's own."""

    name = "greeting"
    section = "Plugins"
    cli = ["--greeting"]
    meta = "TEXT"
    validator = staticmethod(str.strip)
    default = "hello"
    desc = """Whom to greet."""


class Stamped(SyncWorker):
    """Does something around each request, and at both ends of the process."""

    def init_process(self):
        self.greeting = self.cfg.greeting
        super().init_process()

    def handle_request(self, listener, req, client, addr):
        host = listener.getsockname()[0]
        self.log.info("%s %s %s from %s at %s", self.greeting, req.method, req.uri, addr[0], host)
        super().handle_request(listener, req, client, addr)

    def handle_error(self, req, client, addr, exc):
        self.log.info("mine: %s of %s", type(exc).__name__, req and req.uri)
        super().handle_error(req, client, addr, exc)

    def handle_quit(self, sig, frame):
        self.log.info("mine: quitting")
        super().handle_quit(sig, frame)


class Own(Worker):
    """A loop of its own, as meinheld's and sanic's: everything by what a worker promises."""

    def run(self):
        assert self.app.callable is self.wsgi
        assert isinstance(self.log.loglevel, int)
        assert os.fstat(self.tmp.fileno()) and self.pid == os.getpid() and int(self.timeout) > 0
        poll = select.poll()
        for listener in self.sockets:
            poll.register(listener.fileno(), select.POLLIN)
        poll.register(self.PIPE[0], select.POLLIN)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            poll.poll(1000)
            for listener in self.sockets:
                try:
                    client, _ = listener.accept()
                except BlockingIOError:
                    continue
                with client:
                    client.setblocking(True)
                    client.recv(65536)
                    body = b"".join(self.wsgi({}, lambda status, headers: None))
                    head = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                    head += b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
                    client.sendall(head + body)


class Telling(Logger):
    """Another format, other atoms, and no line for whoever only asks whether we are there."""

    def setup(self, cfg):
        super().setup(cfg)
        self.error_log.addFilter(lambda record: "secret" not in record.getMessage())

    def atoms(self, resp, req, environ, request_time):
        return {**super().atoms(resp, req, environ, request_time), "mine": "an atom of mine"}

    def access(self, resp, req, environ, request_time):
        if environ["PATH_INFO"] != "/health":
            super().access(resp, req, environ, request_time)


def wrap(owner, name):
    """Put something around a method of the server's, as monitoring agents do."""
    inner = getattr(owner, name)

    def outer(self, *args, **kwargs):
        if (owner, name) not in CALLED:
            CALLED.add((owner, name))
            print(f"wrapped {owner.__name__}.{name}", flush=True)
        return inner(self, *args, **kwargs)

    setattr(owner, name, outer)


CALLED: set[tuple[type, str]] = set()
WRAPPED = (
    (Application, "wsgi"),
    (Worker, "init_process"),
    (Worker, "notify"),
    (SyncWorker, "handle"),
    (SyncWorker, "handle_request"),
)


def application(environ, start_response):
    if environ.get("PATH_INFO") == "/fail":
        raise RuntimeError("as the test wants")
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


if __name__ == "__main__":
    from gunicorn.app.wsgiapp import run

    sys.modules["plugins"] = sys.modules["__main__"]
    for owner, name in WRAPPED:
        wrap(owner, name)
    run()
