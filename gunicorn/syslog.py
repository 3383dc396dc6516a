"""Log records to syslog: over UDP, TCP, or a Unix socket of either kind, as RFC 3164 has them.

A syslog that is away, slow or restarted costs its lines and nothing else: nothing here raises, and
nothing waits longer than ``PATIENCE`` seconds, then not at all for ``PAUSE`` seconds. The socket is
made by the first record, so that the server starts without its syslog, and again in each process
that writes to a stream: lines of several workers must not mix in one.
"""

from __future__ import annotations

import logging
import os
import socket

from gunicorn.config import endpoints
from gunicorn.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gunicorn.config.endpoints import Endpoint

__all__ = ["SyslogHandler"]

#: seconds that one record may take
PATIENCE = 0.5
#: seconds between a failure and the next attempt
PAUSE = 5.0
#: bytes of a message; RFC 5424 section 6.1 asks receivers for 2048, those of today take this
LIMIT = 8192

_SEVERITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG = 7


class SyslogHandler(logging.Handler):
    """Sends each record as one message ``<PRIORITY>TAG: TEXT``."""

    def __init__(self, address: str, facility: str, tag: str) -> None:
        """``address`` as :func:`gunicorn.config.endpoints.parse_syslog`; ``tag`` has no blanks."""
        super().__init__()
        self.address = address
        self._endpoint: Endpoint = endpoints.parse_syslog(address)
        self._facility = endpoints.FACILITIES[facility] << 3
        self._tag = f"{tag}: ".encode()
        self._socket: socket.socket | None = None
        self._pid = 0
        #: what ends a message; datagrams end by themselves
        self._end = b""
        self._retry_at = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, or lose it."""
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._retry_at and clock.monotonic() < self._retry_at:
            return
        message = self._message(record.levelno, text)
        try:
            self._send(message)
        except OSError:
            # A connection may have ended since the last record: one that is new tells.
            self._drop()
            try:
                self._send(message)
            except OSError:
                self._drop()
                self._retry_at = clock.monotonic() + PAUSE

    def _message(self, level: int, text: str) -> bytes:
        severity = next((number for least, number in _SEVERITIES if level >= least), _DEBUG)
        body = text.encode("utf-8", "backslashreplace")[:LIMIT]
        return b"<%d>%b%b" % (self._facility | severity, self._tag, body)

    def _send(self, message: bytes) -> None:
        if self._socket is None or (self._end and self._pid != os.getpid()):
            self._drop()
            self._connect()
        assert self._socket is not None
        if self._end:
            # The end of a line is the end of a message there; `#012` is how syslogs write it.
            message = message.replace(b"\n", b"#012").replace(b"\0", b"#000") + self._end
        self._socket.sendall(message)
        self._retry_at = 0.0

    def _connect(self) -> None:
        """Make the socket. Raises OSError."""
        kind, address = self._endpoint
        if isinstance(address, tuple):
            self._socket, self._end = _connect_internet(kind, address)
        else:
            kinds = [kind] if kind != "unix" else ["dgram", "stream"]
            self._socket, self._end = _connect_unix(kinds, address)
        self._pid = os.getpid()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        self._drop()
        super().close()


def _connect_internet(kind: str, address: tuple[str, int]) -> tuple[socket.socket, bytes]:
    wanted = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    error: OSError | None = None
    for family, _, _, _, target in socket.getaddrinfo(address[0], address[1], type=wanted):
        sock = socket.socket(family, wanted)
        try:
            sock.settimeout(PATIENCE)
            sock.connect(target)
        except OSError as exc:
            sock.close()
            error = exc
            continue
        return sock, b"\n" if kind == "tcp" else b""
    raise error or OSError(f"no address of {address[0]}")


def _connect_unix(kinds: list[str], path: str) -> tuple[socket.socket, bytes]:
    error: OSError | None = None
    for kind in kinds:
        is_stream = kind == "stream"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM)
        try:
            sock.settimeout(PATIENCE)
            sock.connect(path)
        except OSError as exc:
            sock.close()
            error = exc
            continue
        # On a stream the C library ends messages so, and syslogs take it.
        return sock, b"\0" if is_stream else b""
    assert error is not None
    raise error
