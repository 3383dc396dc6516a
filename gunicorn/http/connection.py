"""One client connection without its socket: bytes in, requests and body bytes out.

    feed(data)                 stores what was received; eof() says that nothing more will come
    next_request()             a Request, None for "more bytes", or raises ProtocolError
    take_body(limit)           decoded body bytes at hand
    body_done                  the body is complete: next_request() may be called again

Rules: bytes are stored by ``feed`` alone and judged by ``next_request`` and ``take_body``
alone. Any ProtocolError is final: the same error is raised again, so a half-parsed connection is
never reused. After a request that closes the connection, no byte is parsed any more. Nothing here
waits.
"""

from __future__ import annotations

from gunicorn.http import body, errors, framing, head, proxy
from gunicorn.http.body import EMPTY
from gunicorn.http.decoders import Chunked, Length
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.http.requestline import RequestLine, read_request_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_new_request = Request.__new__


class Connection:
    """The state of one connection. ``base_environ`` is only kept, for ``environ.build``.

    ``requests`` counts the heads parsed; ``buffered`` is the number of bytes not yet consumed.
    """

    __slots__ = (
        "_buffer",
        "_cfg",
        "_decoder",
        "_eof",
        "_fault",
        "_fields",
        "_head_bytes",
        "_line",
        "_line_end",
        "_proxy_info",
        "_proxy_pending",
        "_request",
        "_scan",
        "_skipped",
        "_trusted",
        "base_environ",
        "body_done",
        "closing",
        "peer",
        "policy",
        "requests",
    )

    def __init__(
        self, policy: Policy, peer: Peer, base_environ: dict[str, Any] | None = None
    ) -> None:
        self.policy = policy
        self._cfg = policy.cfg
        self.peer = peer
        self.base_environ = base_environ
        self.requests = 0
        #: the body of the last request has been taken (true before the first request)
        self.body_done = True
        #: the last request ends the connection; what follows it is never parsed
        self.closing = False
        self._buffer: bytes | bytearray = b""
        self._eof = False
        self._fault: errors.ProtocolError | None = None
        self._request: Request | None = None
        self._decoder: Length | Chunked | None = None
        self._trusted = policy.forwarders.believes("" if peer.unix else peer.addr)
        self._proxy_pending = policy.proxy_protocol
        self._proxy_info: dict[str, str | int] | None = None
        #: an empty line before the head under way was skipped
        self._skipped = False
        self._scan: head.HeadScan | None = None
        #: the memo: the last head, where its request line ends, and what it says
        self._head_bytes = b""
        self._line_end = 0
        self._line: RequestLine | None = None
        self._fields: head.FieldBlock | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to carry on, between requests or in a body.

        Left behind: the base environ and the memo of the last head; and the last request when it
        is over, for hooks may have hung anything on it.
        """
        state = {name: getattr(self, name) for name in self.__slots__}
        state.update(base_environ=None, _line=None, _fields=None, _head_bytes=b"")
        if self.body_done:
            state["_request"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def detach(self) -> dict[str, Any] | None:
        """Forget what holds in this process alone, before the conversation moves to another one.

        Returns the base environ, for the case that it stays. What the fields of the last head say
        is forgotten too: another process may judge them by other settings.
        """
        base, self.base_environ = self.base_environ, None
        self._line = self._fields = None
        self._head_bytes = b""
        if self._request is not None:
            self._request.fields.template = head.NO_TEMPLATE
            if self.body_done:
                self._request = None
        return base

    def attach(self, policy: Policy) -> None:
        """Go on in another process, by its policy; ``base_environ`` is set by the caller."""
        self.policy = policy
        self._cfg = policy.cfg
        self._trusted = policy.forwarders.believes("" if self.peer.unix else self.peer.addr)

    @property
    def buffered(self) -> int:
        """Bytes received and not yet consumed."""
        return len(self._buffer)

    @property
    def is_idle(self) -> bool:
        """Between two requests (or before the first), with not a byte of the next one there."""
        return self.body_done and not self._buffer

    @property
    def request(self) -> Request | None:
        """The last request returned by ``next_request``."""
        return self._request

    def feed(self, data: bytes) -> None:
        """Store received bytes; copies nothing while the buffer is empty."""
        buffer = self._buffer
        if not buffer:
            self._buffer = data
        elif type(buffer) is bytearray:
            buffer += data
        else:
            # a bytearray grows in place: a head that comes byte by byte stays linear
            self._buffer = bytearray(buffer) + data

    def next_request(self) -> Request | None:
        """Return the next request, or None when its head is not complete yet (or none may come).

        Limits are checked on what is there, so None never means "too much already". Call only when
        ``body_done``. Raises ProtocolError.
        """
        if self._fault is not None:
            raise self._fault
        if not self.body_done:
            raise RuntimeError("the body of the previous request has not been taken")
        if self.closing or not self._buffer:
            return None
        try:
            return self._next_request()
        except errors.ProtocolError as fault:
            self._fault = fault
            raise

    def _next_request(self) -> Request | None:
        buffer = self._buffer
        if buffer == self._head_bytes:
            # The head before, byte for byte, as of a client that polls.
            rest: bytes | bytearray = b""
        elif self._parse_head(buffer):
            rest = self._buffer
        else:
            return None
        line, fields = self._line, self._fields
        assert line is not None and fields is not None
        request = _new_request(Request)
        (
            request.method,
            request.uri,
            request.path,
            request.query,
            request.fragment,
            request.version,
        ) = line
        request.fields = fields
        request.body = EMPTY
        request._headers = None
        request.cfg = self._cfg
        self.requests = request.req_number = self.requests + 1
        if self._proxy_info is not None:
            request.proxy_protocol_info = self._proxy_info
        if not fields.persistent:
            self.closing = True
        if fields.length:
            self._begin_body(request, fields)
        self._buffer = rest
        self._scan = None
        self._skipped = False
        self._request = request
        return request

    def _parse_head(self, buffer: bytes | bytearray) -> bool:
        """Parse the head at the start of the buffer and take it off; False for "more bytes"."""
        if type(buffer) is not bytes or self._proxy_pending or buffer[0] == 0x0D:
            gathered = self._take_preface(buffer)
            if gathered is None:
                return False
            buffer = gathered
        line_end = buffer.find(b"\r\n")
        # Most often a client repeats its fields byte for byte: then they need not be searched,
        # parsed or judged again.
        fields = self._fields
        repeated = self._head_bytes[self._line_end :]
        if fields is not None and line_end > 0 and buffer.startswith(repeated, line_end):
            end = line_end + len(repeated)
        else:
            fields = None
            end = buffer.find(b"\r\n\r\n", line_end) + 4 if line_end >= 0 else 0
            if end < 4:
                self._scan_unfinished(buffer)
                return False
        policy = self.policy
        if line_end > policy.limit_line:
            self._scan_unfinished(buffer)
        line = read_request_line(buffer[:line_end], policy)
        # What fields mean depends on the version too (a missing Host, persistence).
        if fields is None or self._line is None or line[5] != self._line[5]:
            parse = head.read_fields if self._line is None else head.parse_fields
            self._fields = parse(buffer[line_end + 2 : end - 4], policy, line[5], self._trusted)
        self._line = line
        self._line_end = line_end
        self._head_bytes = buffer[:end]
        self._buffer = buffer[end:]
        return True

    def _take_preface(self, buffer: bytes | bytearray) -> bytes | None:
        """Return the buffer as it stands from the request line on; None for "more bytes".

        The slow way in: for heads that came in pieces, a PROXY line, and an empty line.
        """
        if self._scan is not None and not self._scan.advance(buffer):
            return None
        whole = self._buffer = bytes(buffer)
        if self._proxy_pending:
            if not self._take_proxy_line(whole):
                return None
            whole = bytes(self._buffer)
        if whole[:1] == b"\r" and not self._skipped:
            # RFC 9112, 2.2: one empty line before a request line is ignored, for old clients
            if len(whole) < 2:
                return None
            if whole[1] == 0x0A:
                whole = self._buffer = whole[2:]
                self._skipped = True
        return whole or None

    def _scan_unfinished(self, buffer: bytes) -> None:
        """Judge the part of a head that is there; raises its first fault."""
        if self._scan is None:
            self._scan = head.HeadScan(self.policy)
        self._scan.advance(buffer)

    def _take_proxy_line(self, buffer: bytes) -> bool:
        """Take the optional PROXY line off the buffer; False when more bytes must tell."""
        start = buffer[:5]
        if not b"PROXY".startswith(start):
            self._proxy_pending = False
            return True
        if len(start) < 5:
            return False
        if not self.policy.proxies.believes("" if self.peer.unix else self.peer.addr):
            raise errors.ForbiddenProxyRequest(self.peer.addr)
        limit = min(proxy.PROXY_LINE_MAX - 2, self.policy.limit_line)
        end = buffer.find(b"\r\n", 0, limit + 2)
        if end < 0:
            if len(buffer) > limit + 1 or b"\n" in buffer or b"\r" in buffer[:-1]:
                raise errors.InvalidProxyLine(buffer[:limit].decode("latin-1"))
            return False
        self._proxy_info = proxy.parse_proxy_line(buffer[:end].decode("latin-1"))
        self._proxy_pending = False
        self._buffer = buffer[end + 2 :]
        return bool(self._buffer)

    def _begin_body(self, request: Request, fields: head.FieldBlock) -> None:
        request.content_length = fields.length
        request.expect_continue = fields.expects_continue
        self._decoder = (
            Chunked(self.policy) if fields.length == framing.CHUNKED else Length(fields.length)
        )
        self.body_done = False

    def take_body(self, limit: int = -1) -> bytes:
        """Return decoded bytes of the current body that are at hand, at most ``limit``.

        ``b""`` means "none yet" unless ``body_done``. Sets ``request.trailers`` at the end of a
        chunked body. Raises ProtocolError.
        """
        decoder = self._decoder
        if decoder is None:
            return b""
        if self._fault is not None:
            raise self._fault
        try:
            data, used = decoder.take(self._buffer, limit)
        except errors.ProtocolError as fault:
            self._fault = fault
            raise
        if used:
            self.continue_sent()
            buffer = self._buffer
            if used == len(buffer):
                self._buffer = b""
            elif type(buffer) is bytearray:
                del buffer[:used]
            else:
                self._buffer = buffer[used:]
        if decoder.done:
            self.body_done = True
            self._decoder = None
            if type(decoder) is Chunked and decoder.trailers and self._request is not None:
                self._request.trailers = decoder.trailers
        return data

    def eof(self) -> None:
        """The peer will send nothing more. Raises NoMoreData if that cuts a head or a body short.

        Call after everything at hand was taken.
        """
        self._eof = True
        if self._fault is not None:
            return
        if not self.body_done:
            self._fault = errors.NoMoreData("body")
        elif self._buffer and not self.closing:
            self._fault = errors.NoMoreData("head")
        if self._fault is not None:
            raise self._fault

    def wants_continue(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends the body it announced.

        False once body bytes are there or after :meth:`continue_sent`.
        """
        request = self._request
        return (
            request is not None
            and request.expect_continue
            and not self.body_done
            and not self._buffer
        )

    def continue_sent(self) -> None:
        """Note that ``response.CONTINUE`` is on its way (or will never be)."""
        if self._request is not None:
            self._request.expect_continue = False


class BodyReader:
    """The reader of a Body that pulls from a connection, for callers that may block.

    ``receive()`` returns more bytes from the peer, ``b""`` at its end; it is called only when the
    connection has no body bytes at hand.
    """

    __slots__ = ("_connection", "_receive")

    def __init__(self, connection: Connection, receive: Any) -> None:
        self._connection = connection
        self._receive = receive

    def read(self, size: int) -> bytes:
        """Return 1..size bytes of the body, ``b""`` at its end. Raises ProtocolError."""
        connection = self._connection
        while True:
            data = connection.take_body(size)
            if data or connection.body_done:
                return data
            received = self._receive()
            if received:
                connection.feed(received)
            else:
                connection.eof()


def body_of(connection: Connection, receive: Any) -> body.Body:
    """Return ``wsgi.input`` for the current request, reading from ``receive`` as needed."""
    if connection.body_done:
        return body.EMPTY
    return body.Body(BodyReader(connection, receive))
