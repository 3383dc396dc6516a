"""Being told by the kernel that something in a directory has changed: inotify(7).

Directories are watched, not files: editors put a new file in the place of the old one, and a watch
would stay with the old one. Linux only, through the C library, because Python has no binding; not
loaded unless asked for. Knows nothing of why somebody watches.
"""

from __future__ import annotations

import ctypes
import os
import select

__all__ = ["Watch"]

_MODIFIED_AND_CLOSED = 0x8
_ATTRIBUTES = 0x4
_MOVED_HERE = 0x80
_CREATED = 0x100
_MASK = _MODIFIED_AND_CLOSED | _ATTRIBUTES | _MOVED_HERE | _CREATED


class Watch:
    """A set of directories. Raises OSError where the system has no inotify to give."""

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(None, use_errno=True)
            self._add = library.inotify_add_watch
            begin = library.inotify_init1
        except (AttributeError, OSError) as error:
            raise OSError("this system has no inotify") from error
        self._add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self.fd: int = begin(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._directories: set[str] = set()

    def add(self, directory: str) -> bool:
        """Watch a directory too; False where that is not possible (absent, or too many)."""
        if directory in self._directories:
            return True
        if self._add(self.fd, os.fsencode(directory), _MASK) < 0:
            return False
        self._directories.add(directory)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for something to happen, at most ``seconds``; whether it did."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        happened = False
        while poll.poll(seconds * 1000):
            try:
                # What it was is not asked: who waits looks for himself.
                while os.read(self.fd, 65536):
                    happened = True
            except BlockingIOError:
                pass
            # An editor's save is several events: the last one, and then quiet, is the end of it.
            seconds = 0.05
        return happened

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
