"""``wsgi.input``: a file-like object over anything that has ``read(n) -> bytes``.

It buffers what line reading has read too far, and nothing else; where the bytes come from (memory,
a temporary file, a connection) is the reader's secret. The reader returns ``b""`` at the end of the
body, never before.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator

from gunicorn.shapes import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsIndex

_BLOCK = 8192


class Reader(Protocol):
    def read(self, size: int, /) -> bytes:
        """Return at least one and at most ``size`` bytes, ``b""`` only at the end."""


class Body:
    """The body of a request as PEP 3333 wants it: read, readline, readlines, iteration.

    ``size`` None or negative means everything; any other non-integer is a TypeError. Errors of the
    reader (NoMoreData, InvalidChunkSize, ... all of them OSErrors) pass through.
    """

    __slots__ = ("_ahead", "reader")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._ahead = b""

    def read(self, size: SupportsIndex | None = None) -> bytes:
        wanted = _size(size)
        if wanted < 0:
            parts = [self._ahead]
            self._ahead = b""
            while part := self.reader.read(_BLOCK):
                parts.append(part)
            return b"".join(parts)
        parts = []
        while wanted > 0:
            part = self._ahead or self.reader.read(max(wanted, _BLOCK))
            if not part:
                break
            parts.append(part[:wanted])
            self._ahead = part[wanted:]
            wanted -= len(parts[-1])
        return b"".join(parts)

    def readline(self, size: SupportsIndex | None = None) -> bytes:
        wanted = _size(size)
        parts: list[bytes] = []
        while wanted != 0:
            part = self._ahead or self.reader.read(_BLOCK)
            if not part:
                break
            end = part.find(b"\n", 0, wanted if wanted > 0 else len(part)) + 1
            cut = end or (min(wanted, len(part)) if wanted > 0 else len(part))
            parts.append(part[:cut])
            self._ahead = part[cut:]
            if end:
                break
            if wanted > 0:
                wanted -= cut
        return b"".join(parts)

    def readlines(self, hint: SupportsIndex | None = None) -> list[bytes]:
        """Return all remaining lines; ``hint`` is ignored, as PEP 3333 allows."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class _Empty(Body):
    """The body of requests without one: stateless, so that all of them share it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(self)

    def __reduce__(self) -> str:
        # A request that moves to another process finds the one that is there.
        return "EMPTY"

    def read(self, size: SupportsIndex | None = None) -> bytes:
        _size(size)
        return b""

    def readline(self, size: SupportsIndex | None = None) -> bytes:
        _size(size)
        return b""


def _size(size: SupportsIndex | None) -> int:
    # operator.index raises TypeError for what is no integer
    return -1 if size is None else operator.index(size)


EMPTY = _Empty()
