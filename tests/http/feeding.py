"""The one checker of parser samples: whatever the cut of the bytes, the outcome is the same.

``play`` drives a Connection the way a worker does and tells what came out; ``check`` plays a sample
whole, cut at every byte, byte by byte, and followed by another request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gunicorn.http import errors
from gunicorn.http.connection import Connection
from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer

STRANGER = Peer("192.0.2.7", "4711", False)
FORWARDER = Peer("127.0.0.1", "4711", False)
UNIX = Peer("", "", True)
POLICY = Policy()

AFTER = b"GET /after HTTP/1.1\r\nHost: after\r\n\r\n"


@dataclass
class Seen:
    """What one request turned out to be."""

    method: str
    uri: str
    path: str
    query: str
    fragment: str
    version: tuple[int, int]
    headers: list[tuple[str, str]]
    proxy: dict[str, Any] | None
    close: bool
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Outcome:
    """All requests of a connection, then how it ended: an error, or None when all was in order."""

    requests: list[Seen]
    error: type[errors.ProtocolError] | None = None
    status: int = 0


def play(pieces: Iterable[bytes], policy: Policy = POLICY, peer: Peer = STRANGER) -> Outcome:
    connection = Connection(policy, peer)
    outcome = Outcome([])
    try:
        for piece in pieces:
            connection.feed(piece)
            _take_all(connection, outcome.requests)
        connection.eof()
    except errors.ProtocolError as fault:
        outcome.error, outcome.status = type(fault), fault.status
        assert fault.reason and isinstance(fault.message, str)
        _assert_final(connection, fault)
    return outcome


def _take_all(connection: Connection, requests: list[Seen]) -> None:
    while True:
        while not connection.body_done:
            data = connection.take_body()
            requests[-1].body += data
            if not data and not connection.body_done:
                return
        if requests and connection.request is not None:
            requests[-1].trailers = list(connection.request.trailers)
        request = connection.next_request()
        if request is None:
            return
        requests.append(
            Seen(
                request.method,
                request.uri,
                request.path,
                request.query,
                request.fragment,
                request.version,
                request.headers,
                request.proxy_protocol_info,
                request.should_close(),
            )
        )


def _assert_final(connection: Connection, fault: errors.ProtocolError) -> None:
    """An error is final: the connection gives nothing but that error ever after."""
    connection.feed(AFTER)
    try:
        connection.take_body() if not connection.body_done else connection.next_request()
    except errors.ProtocolError as again:
        assert again is fault
    else:
        raise AssertionError("a connection went on after an error")


def check(data: bytes, policy: Policy = POLICY, peer: Peer = STRANGER) -> Outcome:
    """Return the outcome of the whole sample, having seen that no cut changes it."""
    whole = play([data], policy, peer)
    for at in range(1, len(data)):
        assert play([data[:at], data[at:]], policy, peer) == whole, f"cut at {at}"
    assert play((bytes([byte]) for byte in data), policy, peer) == whole, "byte by byte"
    _check_trailing(data, whole, policy, peer)
    return whole


def _check_trailing(data: bytes, whole: Outcome, policy: Policy, peer: Peer) -> None:
    if whole.error is errors.NoMoreData:
        return  # unfinished: what follows is part of it
    followed = play([data + AFTER], policy, peer)
    if whole.error is not None or (whole.requests and whole.requests[-1].close):
        assert followed == whole, "bytes after the end of a connection were read"
    elif whole.requests:
        assert followed.requests[:-1] == whole.requests
        assert followed.requests[-1].uri == "/after"
        assert followed.error is None
