"""Body bytes out of connection bytes: by length, or in chunks (RFC 9112, 6.2 and 7.1).

A decoder has one method, ``take(buffer, limit)``, which returns ``(data, used)``: decoded bytes and
how many bytes of the buffer were consumed for them. ``(b"", 0)`` means "more bytes". It holds no
bytes of its own; ``done`` becomes true when the body is complete, and what follows in the buffer
belongs to the next request.

Everything is strict: sizes are hex digits, lines end in CRLF, lines and extensions are bounded. A
fault behind good data is raised by the next ``take``, so that the cut of the input never decides
how much data is delivered.
"""

from __future__ import annotations

from gunicorn.http import errors, grammar, head
from gunicorn.http.head import Buffer
from gunicorn.http.limits import Policy

#: one chunk-size line without CRLF
MAX_SIZE_LINE = 4096
#: all bytes of one body that are neither data nor the framing a plain chunk needs: extensions are
#: ignored, so whoever sends many of them only costs us time
MAX_OVERHEAD = 16384


class Length:
    """A body of known length."""

    __slots__ = ("done", "remaining")

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.done = not length

    def take(self, buffer: Buffer, limit: int) -> tuple[bytes, int]:
        """Return up to ``limit`` bytes (negative: all there are) of the rest of the body."""
        size = min(len(buffer), self.remaining)
        if 0 <= limit < size:
            size = limit
        self.remaining -= size
        self.done = not self.remaining
        if size == len(buffer) and type(buffer) is bytes:
            return buffer, size
        return bytes(buffer[:size]), size


class Chunked:
    """A chunked body; ``trailers`` holds its trailer fields when ``done``."""

    __slots__ = (
        "_fault",
        "_in_trailers",
        "_overhead",
        "_policy",
        "_remaining",
        "_scan",
        "done",
        "trailers",
    )

    def __init__(self, policy: Policy) -> None:
        self.done = False
        self.trailers: list[tuple[str, str]] = []
        self._policy = policy
        #: bytes left of the current chunk with its CRLF; 0 between chunks
        self._remaining = 0
        self._overhead = 0
        self._in_trailers = False
        self._scan: head.HeadScan | None = None
        self._fault: errors.ProtocolError | None = None

    def take(self, buffer: Buffer, limit: int) -> tuple[bytes, int]:
        """Decode what is at hand, at most ``limit`` bytes of data (negative: all there are).

        Raises InvalidChunkSize, ChunkMissingTerminator, or what a faulty head raises (trailers).
        """
        if self._fault is not None:
            raise self._fault
        parts: list[bytes] = []
        at = 0
        try:
            while not self.done and limit != 0:
                before = at
                if self._in_trailers:
                    at = self._take_trailers(buffer, at)
                elif self._remaining > 2:
                    size = min(self._remaining - 2, len(buffer) - at)
                    if 0 <= limit < size:
                        size = limit
                    if size:
                        parts.append(bytes(buffer[at : at + size]))
                        self._remaining -= size
                        limit -= size if limit > 0 else 0
                        at += size
                elif self._remaining:
                    at = self._take_terminator(buffer, at)
                else:
                    at = self._take_size(buffer, at)
                if at == before:
                    break
        except errors.ProtocolError as fault:
            self._fault = fault
            if not parts:
                raise
        return b"".join(parts), at

    def _take_terminator(self, buffer: Buffer, at: int) -> int:
        found = bytes(buffer[at : at + 2])
        if not b"\r\n".startswith(found):
            raise errors.ChunkMissingTerminator(found)
        if len(found) < 2:
            return at
        self._remaining = 0
        return at + 2

    def _take_size(self, buffer: Buffer, at: int) -> int:
        end = buffer.find(b"\r\n", at, at + MAX_SIZE_LINE + 2)
        if end < 0:
            self._judge_unfinished(bytes(buffer[at : at + MAX_SIZE_LINE + 2]))
            return at
        line = bytes(buffer[at:end])
        match = grammar.match_chunk_size(line)
        if match is None:
            raise errors.InvalidChunkSize(line[:64])
        self._overhead += len(match[2])
        if self._overhead > MAX_OVERHEAD:
            raise errors.InvalidChunkSize(line[:64])
        size = int(match[1], 16)
        if size:
            self._remaining = size + 2
        else:
            self._in_trailers = True
        return end + 2

    def _judge_unfinished(self, line: bytes) -> None:
        """Refuse a size line that no further byte can mend."""
        bare = line[:-1] if line.endswith(b"\r") else line
        if len(bare) > MAX_SIZE_LINE or grammar.FORBIDDEN_SEARCH(bare):
            raise errors.InvalidChunkSize(line[:64])

    def _take_trailers(self, buffer: Buffer, at: int) -> int:
        if buffer[at : at + 2] == b"\r\n":
            self.done = True
            return at + 2
        if self._scan is None:
            self._scan = head.HeadScan(self._policy, in_fields=True)
        # The section stays in the buffer until it is whole, so offsets hold from call to call.
        section = buffer[at:] if at else buffer
        if not self._scan.advance(section):
            return at
        end = section.find(b"\r\n\r\n")
        self.trailers = head.parse_trailers(bytes(section[:end]), self._policy)
        self.done = True
        return at + end + 4
