"""PEP 3333: one response being written, and the doors plugins know.

A Response decides what goes on the wire and hands bytes to a *sink*; it never waits and never
touches a descriptor. A sink has

    send(data)                      takes all of ``data`` (bytes), or raises ClientDisconnected
    send_many(list_of_bytes)        the same for several pieces, in order
    send_file(file, offset, count)  optional: ``count`` bytes of a real file from ``offset``;
                                    returns how many went out (fewer only if the file ended), or
                                    None when it cannot (TLS, no sendfile) and has sent nothing

A plain blocking socket does as well. How to use it, in full::

    response = Response(request, sink, cfg)
    environ = build(base, request, policy)
    response.run(application, environ)      # body, its end, and close() exactly once

An exception from ``run`` with ``response.headers_sent`` false wants an error page; with it true
the connection must be closed at once, so that the client sees a broken message.
"""

from __future__ import annotations

from gunicorn.http import environ as environ_module
from gunicorn.http import response
from gunicorn.http.environ import Listener
from gunicorn.http.files import FileWrapper, extent_of
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.shapes import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any

    from gunicorn.http.environ import Environ

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
    StartResponse = Callable[..., Callable[[bytes], None]]
    Application = Callable[[Environ, StartResponse], Iterable[bytes]]

__all__ = [
    "FileWrapper",
    "Response",
    "Sink",
    "SocketSink",
    "base_environ",
    "create",
    "default_environ",
]

#: Up to here head, body and chunk framing are joined into one piece: a copy is cheaper than a
#: second system call or a vector.
_JOIN_MAX = 32768


class Sink(Protocol):
    def send(self, data: bytes, /) -> Any: ...
    def send_many(self, pieces: list[bytes], /) -> Any: ...


class SocketSink:
    """A sink over a blocking socket, for callers that have nothing better."""

    __slots__ = ("send", "sock")

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.send = sock.sendall

    def send_many(self, pieces: list[bytes]) -> None:
        self.send(b"".join(pieces))


class Response:
    """The state of one response. Not slotted, like Request, for the sake of hooks.

    ``status`` is the full string, ``headers`` what was kept of the application's list,
    ``response_length`` its Content-Length (None unless given), ``sent`` the body bytes sent without
    chunk framing; ``excess`` body bytes were cut off, ``shortfall`` bytes were promised and are
    missing (known after :meth:`close`; the connection must then close).
    """

    # What each answer needs has no default in the class: see Request.
    excess = 0
    shortfall = 0

    def __init__(self, req: Request, sock: Any, cfg: Any = None) -> None:
        self.req = req
        self.sock = sock
        self.cfg = cfg
        self.version = req.version
        self.status: str | None = None
        self.status_code = 0
        self.headers: list[tuple[str, str]] = []
        self.headers_sent = False
        self.response_length: int | None = None
        self.sent = 0
        self.chunked = False
        self.must_close = False
        self.upgrade = False
        self._head: response.Head | None = None
        self._has_body = True
        self._closed = False
        self._sink: Sink = sock if hasattr(sock, "send_many") else SocketSink(sock)

    def force_close(self) -> None:
        """End the connection after this response, whatever both sides said."""
        self.must_close = True

    def should_close(self) -> bool:
        """Whether the connection ends with this response; final once headers are sent."""
        if self.must_close or self.upgrade or self.req.should_close():
            return True
        if self.response_length is not None or self.status is None:
            return False
        # RFC 9110, 15.2: a client goes on waiting after a 1xx, and would take the next answer of
        # this connection for the missing one. And without length or chunks, the end of the
        # connection is the end of the body.
        return self.status_code < 200 or (self._has_body and not self.is_chunked())

    def is_chunked(self) -> bool:
        """Whether the body goes in chunks: HTTP/1.1, a body, and no Content-Length."""
        return self._has_body and self.response_length is None and self.version >= (1, 1)

    def start_response(
        self, status: str, headers: list[tuple[str, Any]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's start_response; returns :meth:`write`.

        Raises AssertionError on a second call without ``exc_info``, the application's own error
        when headers are out already, ResponseError for what must not be sent.
        """
        if exc_info:
            try:
                if self.headers_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # break the cycle through the traceback's frames
        elif self.status is not None:
            raise AssertionError("Response headers already set!")
        self._head = head = response.parse_head(status, headers)
        # Nothing of an earlier call survives (PEP 3333: "replace").
        self.status = status
        self.status_code = head.code
        self.headers = head.kept[:]  # hooks may change theirs
        self.response_length = head.length
        self.upgrade = head.upgrade
        self._has_body = head.has_body and self.req.method != "HEAD"
        return self.write

    def _take_head(self) -> bytes:
        """Return the response head, and settle framing and persistence. Once."""
        known = self._head
        if known is None:
            raise AssertionError("The application sent a body before calling start_response()")
        # First: a signal to go that comes from here on must not take back what the head promises.
        self.headers_sent = True
        chunked = self.response_length is None and self.is_chunked()
        if self.upgrade:
            # what is spoken next is not HTTP: there is no next request
            self.must_close = True
            connection = response.CONNECTION_UPGRADE
        elif self.should_close():
            self.must_close = True
            connection = response.CONNECTION_CLOSE
        else:
            connection = response.CONNECTION_KEEP_ALIVE
        if chunked:
            self.chunked = True
            connection += response.CHUNKED_FIELD
        head = known.to_bytes(connection)
        return head if self.version >= (1, 1) else b"HTTP/1.0" + head[8:]

    def send_headers(self) -> None:
        """Send the head now, if it was not sent yet."""
        if not self.headers_sent:
            self._sink.send(self._take_head())

    def early_hints(self, headers: list[tuple[str, str]]) -> None:
        """Send ``103 Early Hints`` (``wsgi.early_hints``, RFC 8297); not to HTTP/1.0, not late."""
        if self.version >= (1, 1) and not self.headers_sent:
            self._sink.send(response.informational(103, "Early Hints", headers))

    def write(self, data: bytes) -> None:
        """Send body bytes (PEP 3333's write callable), the head before the first of them.

        Empty data sends nothing. Raises TypeError for what is not bytes, ClientDisconnected.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not a byte.")
        if data:
            self._write(data, b"")

    def _write(self, data: bytes, end: bytes) -> None:
        """Send ``data`` (not empty), framed; ``end`` ends the body if it is chunked."""
        head = b"" if self.headers_sent else self._take_head()
        if not self._has_body:
            if head:
                self._sink.send(head)
            return
        length = self.response_length
        if length is not None:
            room = length - self.sent
            if len(data) > room:
                self.excess += len(data) - room
                data = data[:room]
        size = len(data)
        self.sent += size
        if self.chunked:
            if size <= _JOIN_MAX:
                self._sink.send(b"%b%X\r\n%b\r\n%b" % (head, size, data, end))
            else:
                self._sink.send_many([head + b"%X\r\n" % size, data, b"\r\n" + end])
        elif not head:
            if data:
                self._sink.send(data)
        elif size <= _JOIN_MAX:
            self._sink.send(head + data)
        else:
            self._sink.send_many([head, data])

    def run(self, application: Application, environ: Environ) -> None:
        """Call the application and send all it returns; its ``close()`` runs exactly once.

        Whatever is raised passes through, after ``close()``.
        """
        result = application(environ, self.start_response)
        if type(result) is list or type(result) is tuple:
            # All of it is there, and it has no close(): one piece, one system call, and the same
            # bytes for the client.
            self._send_whole(result[0] if len(result) == 1 else self._join(result))
            return
        try:
            self.send_result(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def send_result(self, result: Iterable[bytes]) -> None:
        """Send an application's iterable and the end of the body; does not close the iterable."""
        if type(result) is list or type(result) is tuple:
            self._send_whole(self._join(result))
            return
        if not (isinstance(result, FileWrapper) and self.write_file(result)):
            for data in result:
                self.write(data)
        self.close()

    def _send_whole(self, data: bytes) -> None:
        """Send a whole body and its end."""
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not a byte.")
        size = len(data)
        if (
            size == self.response_length
            and 0 < size <= _JOIN_MAX
            and self._has_body
            and not self.headers_sent
        ):
            # Most answers: as long as they said, in one piece with their heads.
            head = self._take_head()
            self.sent = size
            self._sink.send(head + data)
            self._closed = True
        elif size:
            self._write(data, response.LAST_CHUNK)
            self._finish()
        else:
            self.close()

    @staticmethod
    def _join(result: list[bytes] | tuple[bytes, ...]) -> bytes:
        for data in result:
            if not isinstance(data, bytes):
                raise TypeError(f"{data!r} is not a byte.")
        return b"".join(result)

    def write_file(self, wrapper: FileWrapper) -> bool:
        """Send a wrapped file from its position to its end with ``send_file`` of the sink.

        Only for plain files opened for bytes, for their descriptors hold what ``read()`` returns.
        Returns False, nothing sent, when it must be read instead. The position is left alone.
        """
        if not self._has_body:
            return True  # only the head is sent, so the file need not be read either
        send_file = getattr(self._sink, "send_file", None)
        extent = None if send_file is None else extent_of(wrapper.filelike)
        if send_file is None or extent is None:
            return False
        file, offset, count = extent
        if self.response_length is not None:
            room = self.response_length - self.sent
            self.excess += max(0, count - room)
            count = min(count, room)
        if count <= 0:
            return True
        head = b"" if self.headers_sent else self._take_head()
        if self.chunked:
            head += b"%X\r\n" % count
        if head:
            self._sink.send(head)
        sent = send_file(file, offset, count)
        if sent is None:
            sent = self._copy_file(wrapper, count)
        self.sent += sent
        if self.chunked:
            if sent < count:
                # the chunk cannot be completed any more: break the message visibly
                self.shortfall = count - sent
                self.must_close = True
                self._closed = True
            else:
                self._sink.send(b"\r\n")
        return True

    def _copy_file(self, wrapper: FileWrapper, count: int) -> int:
        """Send ``count`` bytes by reading, the head being out; returns how many there were."""
        sent = 0
        while sent < count and (
            block := wrapper.filelike.read(min(max(wrapper.blksize, 8192), count - sent))
        ):
            self._sink.send(block)
            sent += len(block)
        return sent

    def close(self) -> None:
        """End the body: the head if nothing was sent yet, the last chunk if chunked."""
        if self._closed:
            return
        if not self.headers_sent:
            head = self._take_head()
            self._sink.send(head + response.LAST_CHUNK if self.chunked else head)
        elif self.chunked:
            self._sink.send(response.LAST_CHUNK)
        self._finish()

    def _finish(self) -> None:
        self._closed = True
        length = self.response_length
        if length is not None and self.sent < length and self._has_body:
            # the client waits for the rest: only the end of the connection tells it
            self.shortfall = length - self.sent
            self.must_close = True


def create(req: Request, sock: Any, client: Any, server: Any, cfg: Any) -> tuple[Response, Environ]:
    """Return ``(response, environ)`` for one request, resolving the settings anew.

    The documented door for workers of other people; ours keep a Policy and a base environ.
    ``client`` and ``server`` are addresses as sockets give them.
    """
    policy = Policy.from_config(cfg)
    base = environ_module.base_environ(
        policy,
        Listener.from_sockname(server),
        Peer.from_address(client),
        sock,
        multiprocess=cfg.workers > 1,
        file_wrapper=FileWrapper,
    )
    resp = Response(req, sock, cfg)
    environ = environ_module.build(base, req, policy)
    environ["wsgi.early_hints"] = resp.early_hints
    return resp, environ


def base_environ(cfg: Any) -> Environ:
    """Return the environ entries that depend on the configuration alone."""
    environ = environ_module.base_environ(
        Policy.from_config(cfg),
        Listener("", "", False),
        Peer("", "", False),
        multiprocess=cfg.workers > 1,
        file_wrapper=FileWrapper,
    )
    return {key: environ[key] for key in environ if key.startswith("wsgi.") or key == _SOFTWARE}


_SOFTWARE = "SERVER_SOFTWARE"


def default_environ(req: Request, sock: Any, cfg: Any) -> Environ:
    """Return the environ entries of ``req`` without its fields and addresses."""
    return base_environ(cfg) | {
        "wsgi.input": req.body,
        "gunicorn.socket": sock,
        "REQUEST_METHOD": req.method,
        "QUERY_STRING": req.query,
        "RAW_URI": req.uri,
        "SERVER_PROTOCOL": f"HTTP/{req.version[0]}.{req.version[1]}",
    }
