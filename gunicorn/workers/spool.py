"""Bytes that wait: request bodies being gathered, and answers a peer has not taken yet.

Both live in memory up to a bound and then in an unlinked temporary file, so that a thousand slow
clients cost descriptors and disk, not memory. ``Spool`` is a body on its way in; ``Outbox`` is an
answer on its way out. Rules: nothing here waits, and nothing here knows a protocol or a deadline.
A descriptor is touched only by ``Outbox.flush``, through the functions it is given.
"""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

__all__ = [
    "BODY_MEMORY",
    "OUTBOX_FILE",
    "OUTBOX_MEMORY",
    "WORKER_MEMORY",
    "Held",
    "Outbox",
    "Spool",
]

#: bytes of a request body kept in memory; more goes to a file
BODY_MEMORY = 64 * 1024
#: bytes of one answer kept in memory, while the worker as a whole holds less than WORKER_MEMORY
OUTBOX_MEMORY = 1024 * 1024
#: bytes of answers all connections of a worker together keep in memory
WORKER_MEMORY = 64 * 1024 * 1024
#: a file of an answer is given up for a new one at this size, so that disk already sent is freed
OUTBOX_FILE = 16 * 1024 * 1024

_SENDFILE_MAX = 1 << 30
_BLOCK = 16384


def temporary_file(directory: str | None) -> IO[bytes]:
    """Open an unlinked, unbuffered file in ``directory`` (None: the system's place for them)."""
    import tempfile  # and with it compressors and hashes that few requests need

    return tempfile.TemporaryFile(prefix="wgunicorn-", dir=directory, buffering=0)


class Spool:
    """A request body being gathered; ``size`` is how much of it there is."""

    __slots__ = ("_directory", "_memory", "file", "size")

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._memory = io.BytesIO()
        #: the temporary file, once there is one
        self.file: IO[bytes] | None = None
        self.size = 0

    @classmethod
    def resumed(
        cls, directory: str | None, memory: bytes, file: IO[bytes] | None, size: int
    ) -> Spool:
        """Go on with what another process has gathered, in memory or in a file."""
        spool = cls(directory)
        spool._memory.write(memory)
        spool.file = file
        spool.size = size
        return spool

    def write(self, data: bytes) -> None:
        """Add ``data``. Raises OSError when the disk does not take it."""
        self.size += len(data)
        if self.file is None:
            if self.size <= BODY_MEMORY:
                self._memory.write(data)
                return
            self.file = temporary_file(self._directory)
            _write_all(self.file, self._memory.getbuffer())
            self._memory = io.BytesIO()
        _write_all(self.file, data)

    def reader(self) -> IO[bytes]:
        """Give what was gathered as a file to be read from its start."""
        file = self._memory if self.file is None else self.file
        file.seek(0)
        return file

    def close(self) -> None:
        """Forget the bytes and free the disk."""
        if self.file is not None:
            self.file.close()
        self._memory = io.BytesIO()


class Held:
    """Counts the bytes of answers that one worker keeps in memory, in whichever thread."""

    __slots__ = ("_lock", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.bytes += count


class _Range:
    """Bytes of a file: ``remaining`` from ``offset``. The position of the file is left alone."""

    __slots__ = ("file", "offset", "remaining")

    def __init__(self, file: Any, offset: int, remaining: int) -> None:
        self.file = file
        self.offset = offset
        self.remaining = remaining


class Outbox:
    """What a peer has not taken yet, in order: bytes, and ranges of files.

    ``size`` is all of it, in bytes.
    """

    __slots__ = ("_directory", "_held", "_memory", "_pieces", "_spill", "size")

    def __init__(self, held: Held, directory: str | None) -> None:
        self._held = held
        self._directory = directory
        self._pieces: deque[memoryview | _Range] = deque()
        self._memory = 0
        self._spill: IO[bytes] | None = None
        self.size = 0

    def add(self, data: bytes | memoryview) -> None:
        """Append ``data``: by reference while memory allows, else to a file.

        Raises OSError when the disk does not take it.
        """
        size = len(data)
        if (
            self._memory + size <= OUTBOX_MEMORY
            and self._held.bytes + size <= WORKER_MEMORY
            and not self._is_spilling()
        ):
            self._pieces.append(memoryview(data))
            self._memory += size
            self._held.add(size)
        else:
            self._add_to_spill(data)
        self.size += size

    def add_file(self, file: Any, offset: int, count: int) -> None:
        """Append ``count`` bytes of ``file`` from ``offset``; closed by us when they are sent."""
        self._pieces.append(_Range(file, offset, count))
        self.size += count

    def _is_spilling(self) -> bool:
        # Small pieces after a spilled one go to the same file: one range instead of many pieces.
        last = self._pieces[-1] if self._pieces else None
        return isinstance(last, _Range) and last.file is self._spill

    def _add_to_spill(self, data: bytes | memoryview) -> None:
        end = self._spill.tell() if self._spill is not None else 0
        if self._spill is None or end >= OUTBOX_FILE:
            # The old file is closed with its last range.
            self._spill, end = temporary_file(self._directory), 0
        _write_all(self._spill, data)
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, _Range) and last.file is self._spill:
            last.remaining += len(data)
        else:
            self._pieces.append(_Range(self._spill, end, len(data)))

    def flush(
        self,
        send: Callable[[memoryview], int | None],
        send_file: Callable[[int, int, int], int | None] | None,
    ) -> None:
        """Give the peer what it takes now.

        ``send(data)`` returns how much was taken, None when the peer takes nothing;
        ``send_file(fd, offset, count)`` the same, 0 when the file ends early; None in its place
        means that files must be read. Raises what they raise, and EOFError when a file was cut
        short.
        """
        pieces = self._pieces
        while pieces:
            piece = pieces[0]
            if isinstance(piece, _Range):
                taken = self._flush_range(piece, send, send_file)
                if taken is None:
                    return
                piece.offset += taken
                piece.remaining -= taken
                if not piece.remaining:
                    pieces.popleft()
                    self._let_go(piece)
            else:
                taken = send(piece)
                if taken is None:
                    return
                self._memory -= taken
                self._held.add(-taken)
                if taken == len(piece):
                    pieces.popleft()
                else:
                    pieces[0] = piece[taken:]
            self.size -= taken

    def _flush_range(
        self,
        piece: _Range,
        send: Callable[[memoryview], int | None],
        send_file: Callable[[int, int, int], int | None] | None,
    ) -> int | None:
        fd = piece.file.fileno()
        if send_file is not None:
            taken = send_file(fd, piece.offset, min(piece.remaining, _SENDFILE_MAX))
        else:
            block = os.pread(fd, min(piece.remaining, _BLOCK), piece.offset)
            taken = send(memoryview(block)) if block else 0
        if taken == 0:
            raise EOFError("a file became shorter while it was being sent")
        return taken

    def _let_go(self, piece: _Range) -> None:
        if piece.file is self._spill:
            # Everything in it is sent: the next bytes get a new one, or memory again.
            self._spill = None
        piece.file.close()

    def close(self) -> None:
        """Forget what was not sent, and free memory and disk."""
        for piece in self._pieces:
            if isinstance(piece, _Range):
                piece.file.close()
        self._pieces.clear()
        if self._spill is not None:
            self._spill.close()
            self._spill = None
        self._held.add(-self._memory)
        self._memory = self.size = 0


def _write_all(file: IO[bytes], data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
