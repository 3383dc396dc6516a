"""Runs an application against one request, keeps what goes to the sink, and reads it as a client.

The reading is done by the standard library's ``http.client``, so that our own idea of framing is
not what judges our framing.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from typing import Any

from gunicorn.http import environ, wsgi
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from tests.http.feeding import POLICY, STRANGER


class Sink:
    """Takes everything; one entry of ``sends`` is one call, hence one system call."""

    def __init__(self) -> None:
        self.sends: list[bytes] = []

    def send(self, data: bytes) -> None:
        assert type(data) is bytes and data, "a sink gets bytes, and not none"
        self.sends.append(data)

    def send_many(self, pieces: list[bytes]) -> None:
        assert all(type(piece) is bytes for piece in pieces)
        self.sends.append(b"".join(pieces))

    @property
    def wire(self) -> bytes:
        return b"".join(self.sends)


class FileSink(Sink):
    """A sink that sends files like sendfile(2), possibly less than asked, possibly refusing."""

    def __init__(self, refuses: bool = False, at_most: int | None = None) -> None:
        super().__init__()
        self.refuses = refuses
        self.at_most = at_most
        self.files: list[tuple[int, int]] = []

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        if self.refuses:
            return None
        self.files.append((offset, count))
        kept = file.tell()
        file.seek(offset)
        data = file.read(count if self.at_most is None else min(count, self.at_most))
        file.seek(kept)
        if data:
            self.sends.append(data)
        return len(data)


class Answer:
    """One answer: the response object, the raw bytes, and what a client makes of them."""

    def __init__(self, response: wsgi.Response, sink: Sink, method: str) -> None:
        self.response = response
        self.sink = sink
        self.wire = sink.wire
        self.head, _, self.rest = self.wire.partition(b"\r\n\r\n")
        self.status_line, *self.lines = self.head.decode("latin-1").split("\r\n")
        self.method = method

    def values(self, name: str) -> list[str]:
        return [
            value.strip()
            for line in self.lines
            for key, _, value in [line.partition(":")]
            if key.lower() == name.lower()
        ]

    @property
    def connection(self) -> str:
        (value,) = self.values("Connection")
        return value

    @property
    def body(self) -> bytes:
        """The body as a client reads it; raises http.client.IncompleteRead when it is cut short."""

        class Sock:
            def makefile(_self, *args: object) -> io.BytesIO:
                return io.BytesIO(self.wire)

        reply = http.client.HTTPResponse(Sock(), method=self.method)  # type: ignore[arg-type]
        reply.begin()
        return reply.read()


def request_bytes(method: str, version: str, fields: tuple[str, ...]) -> bytes:
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: a", *fields, "", ""]).encode()


def answer(
    application: Callable[..., Any],
    method: str = "GET",
    version: str = "1.1",
    fields: tuple[str, ...] = (),
    sink: Sink | None = None,
) -> Answer:
    """Return the answer of ``application``; its exception, if any, is raised after sending."""
    connection = Connection(POLICY, STRANGER)
    connection.feed(request_bytes(method, version, fields))
    request = connection.next_request()
    assert request is not None
    base = environ.base_environ(
        POLICY,
        Listener("a", "80", False),
        STRANGER,
        errors=io.StringIO(),
        file_wrapper=wsgi.FileWrapper,
    )
    sink = sink or Sink()
    response = wsgi.Response(request, sink)
    try:
        response.run(application, environ.build(base, request, POLICY))
    except BaseException as exc:
        exc.answer = Answer(response, sink, method)  # type: ignore[attr-defined]
        raise
    return Answer(response, sink, method)
