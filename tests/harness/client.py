"""The client side of one connection: raw bytes out, strictly parsed responses in.

Independent of ``http.client`` on purpose: that one forgives what we want to see (repeated framing
fields, bytes after the end, missing terminators).  A response that is not exactly what RFC 9112
says raises; what came before the failure is kept in the exception.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ([\t\x20-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class NoResponse(Exception):
    """The server closed the connection without a single byte of response."""


class BrokenResponse(Exception):
    """What came is not a complete, well-formed response; ``partial`` holds what could be read."""

    def __init__(self, why: str, partial: bytes = b"") -> None:
        super().__init__(f"{why}; read so far: {partial[-300:]!r}")
        self.partial = partial


@dataclass
class Response:
    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    #: "none", "length", "chunked" or "close": what said where the body ends
    framing: str = "none"
    interim: list[int] = field(default_factory=list)
    #: sizes of the chunks as they came, without the last one
    chunks: list[int] = field(default_factory=list)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """Give the one value of ``name``, or None; a repeated field is an error here."""
        values = self.get_all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One connection to the server; every wait is bounded by the socket's timeout."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""
        self._is_eof = False
        self._is_refused = False
        self.was_reset = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def fileno(self) -> int:
        return self.sock.fileno()

    # -- sending -----------------------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Send all of ``data``; False when the server has closed its side meanwhile."""
        if not self._is_refused:
            try:
                self.sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                # under TLS another try with other bytes would be a mistake of ours
                self._is_refused = True
        return not self._is_refused

    def send_pieces(self, pieces: list[bytes]) -> bool:
        return all(self.send(piece) for piece in pieces if piece)

    def send_bytewise(self, data: bytes) -> bool:
        return self.send_pieces([data[at : at + 1] for at in range(len(data))])

    def end_sending(self) -> None:
        """Close our sending side; with TLS this is a bare FIN, without close_notify."""
        try:
            # not SSLSocket.shutdown: that one forgets its TLS and would read ciphertext afterwards
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        except OSError:
            pass

    # -- receiving ---------------------------------------------------------------------------------

    def _fill(self) -> bool:
        """Read once; False at the end of what the server sent."""
        if self._is_eof:
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            data = b""
        except ssl.SSLError as error:
            # A bare FIN of ours is an error to TLS: OpenSSL from 3.4 on answers it with an alert
            # before it ends, older ones just end.
            if not isinstance(error, ssl.SSLEOFError) and "DECODE_ERROR" not in str(error.reason):
                raise
            data = b""
        except TimeoutError:
            raise BrokenResponse("the server fell silent", self._buffer) from None
        self._is_eof = not data
        self._buffer += data
        return bool(data)

    def _broken(self, why: str) -> BrokenResponse:
        """Take what is there into an error, so that it is not read again as something new."""
        partial, self._buffer = self._buffer, b""
        return BrokenResponse(why, partial)

    def read_until(self, mark: bytes) -> bytes:
        """Take what comes up to and with ``mark``."""
        while mark not in self._buffer:
            if not self._fill():
                raise self._broken(f"end of stream instead of {mark!r}")
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise self._broken(f"end of stream instead of {size} bytes")
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def read_to_end(self) -> bytes:
        """Take everything until the server closes."""
        while self._fill():
            pass
        found, self._buffer = self._buffer, b""
        return found

    def is_ended(self) -> bool:
        """Wait for the server to close; False when it sends another byte instead."""
        return not self._buffer and not self._fill()

    def read_head(self) -> Response:
        """Read one status line and field block, final or interim."""
        while not self._buffer:
            if not self._fill():
                raise NoResponse("reset" if self.was_reset else "closed without a response")
        block = self.read_until(b"\r\n\r\n")
        status_line, *field_lines = block[:-4].split(b"\r\n")
        found = STATUS_LINE.fullmatch(status_line)
        if not found:
            raise BrokenResponse(f"bad status line {status_line!r}", block)
        fields = []
        for line in field_lines:
            pair = FIELD_LINE.fullmatch(line)
            if not pair:
                raise BrokenResponse(f"bad field line {line!r}", block)
            fields.append((pair[1].decode("latin-1"), pair[2].decode("latin-1")))
        version = status_line[5:8].decode("latin-1")
        return Response(version, int(found[1]), found[2].decode("latin-1"), fields)

    def read_response(self, method: str = "GET") -> Response:
        """Read one final response to a request of ``method``, with the interim ones before it."""
        interim = []
        while True:
            response = self.read_head()
            if response.status == 101 or response.status >= 200:
                break
            interim.append(response.status)
        response.interim = interim
        self._read_body(response, method)
        return response

    def _read_body(self, response: Response, method: str) -> None:
        codings = response.get("Transfer-Encoding")
        length = response.get("Content-Length")
        if codings is not None and length is not None:
            raise BrokenResponse("both Transfer-Encoding and Content-Length", self._buffer)
        if response.status < 200 or response.status == 204:
            if codings is not None or length is not None:
                raise BrokenResponse(f"framing on a {response.status}", self._buffer)
            return
        if method == "HEAD" or response.status == 304:
            return
        if codings is not None:
            if codings != "chunked":
                raise BrokenResponse(f"unasked transfer coding {codings!r}", self._buffer)
            response.framing = "chunked"
            self._read_chunks(response)
        elif length is not None:
            if not length.isascii() or not length.isdigit():
                raise BrokenResponse(f"bad Content-Length {length!r}", self._buffer)
            response.framing = "length"
            response.body = self.read_exactly(int(length))
        else:
            response.framing = "close"
            response.body = self.read_to_end()

    def _read_chunks(self, response: Response) -> None:
        while True:
            try:
                line = self.read_until(b"\r\n")[:-2]
            except BrokenResponse as error:
                raise BrokenResponse("no last chunk", response.body + error.partial) from None
            if not CHUNK_SIZE.fullmatch(line):
                raise BrokenResponse(f"bad chunk size {line!r}", response.body)
            size = int(line, 16)
            try:
                data = self.read_exactly(size + 2)
            except BrokenResponse as error:
                raise BrokenResponse("chunk cut short", response.body + error.partial) from None
            if data[size:] != b"\r\n":
                raise BrokenResponse("chunk without its end", response.body)
            if not size:
                return
            response.chunks.append(size)
            response.body += data[:size]
