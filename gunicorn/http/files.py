"""``wsgi.file_wrapper``, and which files may leave by their descriptor instead of by ``read()``.

No descriptor is used here; a sink does that, with the extent found here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BUFFERED = (io.BufferedReader, io.BufferedRandom)


class FileWrapper:
    """``wsgi.file_wrapper``: an iterable over blocks of a file-like object (PEP 3333).

    ``close`` exists when the file has one. Index access is kept for old applications.
    """

    def __init__(self, filelike: Any, blksize: int = 8192) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self.filelike.read(self.blksize):
            yield block

    def __getitem__(self, key: int) -> bytes:
        block: bytes = self.filelike.read(self.blksize)
        if block:
            return block
        raise IndexError


def extent_of(filelike: Any) -> tuple[Any, int, int] | None:
    """Return (file, position, bytes to its end) of a plain file, None for anything else."""
    file = filelike
    if not isinstance(file, io.IOBase) and isinstance(getattr(file, "file", None), io.IOBase):
        file = file.file  # tempfile.NamedTemporaryFile
    raw = getattr(file, "raw", file) if type(file) in _BUFFERED else file
    if type(raw) is not io.FileIO:
        return None
    try:
        raw.fileno()
        offset = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(offset)
    except (OSError, ValueError):
        return None  # a pipe, a closed file
    return file, offset, max(0, end - offset)
