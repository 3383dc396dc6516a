"""``RequestParser(cfg, source)``: the documented door, an iterator of requests over a source.

A source is a socket (anything with ``recv``) or an iterable of bytes. Reading blocks as the source
does; our own workers do not come through here, they feed a Connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gunicorn.http.connection import Connection, body_of
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RECEIVE = 8192


def _receiver(source: Any) -> Callable[[], bytes]:
    if hasattr(source, "recv"):
        return lambda: source.recv(_RECEIVE)
    pieces = iter(source)

    def receive() -> bytes:
        # An empty piece in the middle is no end of file.
        return next((bytes(piece) for piece in pieces if piece), b"")

    return receive


class Unreader:
    """A Connection with a source: what ``Request(cfg, unreader)`` reads from."""

    def __init__(self, cfg: Any, source: Any, peer_addr: object = "") -> None:
        self.connection = Connection(Policy.from_config(cfg), Peer.from_address(peer_addr))
        self.receive = _receiver(source)

    def next_request(self) -> Request | None:
        """Return the next request, None at a clean end; drains what was not read of a body.

        Raises ProtocolError; NoMoreData when the source ends in the middle of something.
        """
        connection = self.connection
        while not connection.body_done:
            if not connection.take_body() and not connection.body_done:
                self._feed()
        while not connection.closing:
            request = connection.next_request()
            if request is not None:
                request.unreader = self
                request.body = body_of(connection, self.receive)
                return request
            if not self._feed():
                break
        return None

    def _feed(self) -> bool:
        data = self.receive()
        if data:
            self.connection.feed(data)
        else:
            self.connection.eof()
        return bool(data)


class RequestParser:
    """An iterator of the requests of one source; ``peer_addr`` is an address as accept() gives it.

    Without ``peer_addr`` the source counts as a Unix peer, which forwarding headers are believed
    of. Iteration ends at a clean end of the source or after a request that closes the connection,
    and raises ProtocolError otherwise.
    """

    def __init__(self, cfg: Any, source: Any | Iterable[bytes], peer_addr: object = "") -> None:
        self.cfg = cfg
        self.unreader = Unreader(cfg, source, peer_addr)
        self.mesg: Request | None = None
        self.req_count = 0

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        request = self.unreader.next_request()
        if request is None:
            raise StopIteration
        self.req_count += 1
        self.mesg = request
        return request

    next = __next__
