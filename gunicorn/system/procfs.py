"""What the kernel tells about other processes of ours under /proc: memory, and being stopped.

Every question may come too late, when the process is gone, or where there is no /proc: the answer
is then None or False, never an exception.
"""

from __future__ import annotations

import os

__all__ = ["is_stopped", "read_text", "resident_bytes"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int | None:
    """Give the memory of ``pid`` that is in use now, shared pages included; None: unknown."""
    words = _read(f"/proc/{pid}/statm").split()
    # A zombie has none, which says nothing about the process it was.
    return int(words[1]) * _PAGE or None if len(words) > 1 else None


def is_stopped(pid: int) -> bool:
    """Say whether ``pid`` is held by SIGSTOP or by a debugger."""
    # The name in parentheses may hold anything, blanks and parentheses too.
    words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return bool(words) and words[0] in (b"T", b"t")


def read_text(path: str) -> str:
    """Give the whole of a small file the kernel makes up; "" when it cannot be read."""
    return _read(path).decode("utf-8", "replace")


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        found = b""
        while chunk := os.read(fd, 65536):
            found += chunk
        return found
    except OSError:
        return b""  # it ended between two calls
    finally:
        os.close(fd)
