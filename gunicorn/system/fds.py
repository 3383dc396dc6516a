"""File descriptors: flags, closing, and opening a log without being led astray.

PEP 446 makes every descriptor of ours close-on-exec; this file is for the ones that are not ours.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from gunicorn.shapes import Protocol

__all__ = [
    "close_on_exec",
    "close_quietly",
    "open_fds",
    "open_log",
    "set_blocking",
    "write_all",
]

#: where symbolic links lead to the process's own descriptors (/dev/stdout) and only root can make
#: them
_KERNEL_TREES = ("/dev/", "/proc/")


class HasFileno(Protocol):
    def fileno(self) -> int: ...


def close_on_exec(fd: int | HasFileno) -> None:
    """Let no executed program inherit ``fd``."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFD)
    fcntl.fcntl(fd, fcntl.F_SETFD, flags | fcntl.FD_CLOEXEC)


def set_blocking(fd: int, blocking: bool) -> None:
    """Make reads and writes of ``fd`` wait, or not."""
    os.set_blocking(fd, blocking)


def close_quietly(fd: int) -> None:
    """Close ``fd``; a descriptor that is already gone is as closed as it gets."""
    try:
        os.close(fd)
    except OSError:
        pass


def open_fds() -> list[int]:
    """Give the descriptors open in this process, lowest first."""
    try:
        names = os.listdir("/proc/self/fd")  # noqa: PTH208 -- names are the numbers wanted
    except OSError:
        return [fd for fd in range(256) if _is_open(fd)]
    # The listing's own descriptor is among the names and closed by now.
    return sorted(fd for fd in map(int, names) if _is_open(fd))


def open_log(path: str, owner: tuple[int, int] | None = None) -> int:
    """Open ``path`` for appending and give the descriptor; a new file has mode 0644 & ~umask.

    The last component must not be a symbolic link: who may write into the directory of a log must
    not choose what a more privileged process appends to. ``owner`` (uid, gid) is given a file
    that this call makes, by its descriptor, so that workers of that user can reopen it. Raises
    OSError with ``path`` in it.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
    # A FIFO nobody reads would block the open for good: ask not to wait, then wait on writes again.
    flags |= os.O_NONBLOCK
    if not path.startswith(_KERNEL_TREES):
        flags |= os.O_NOFOLLOW
    try:
        fd = _open_or_make(path, flags, owner)
    except OSError as exc:
        if exc.errno == errno.ELOOP and os.path.islink(path):  # noqa: PTH114 -- text path
            raise OSError(errno.ELOOP, "is a symbolic link, name its target", path) from None
        raise
    os.set_blocking(fd, True)
    return fd


def _open_or_make(path: str, flags: int, owner: tuple[int, int] | None) -> int:
    # Twice, because logrotate may take or make the file between our two looks.
    for _attempt in range(2):
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            pass
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        if owner is not None:
            try:
                os.fchown(fd, *owner)
            except OSError:
                os.close(fd)
                raise
        return fd
    return os.open(path, flags)


def write_all(fd: int, data: bytes) -> None:
    """Write ``data`` in one call; only what a full disk or a signal cut off is written in more."""
    sent = os.write(fd, data)
    while sent < len(data):
        sent += os.write(fd, data[sent:])


def is_regular(fd: int) -> bool:
    """Say whether ``fd`` is a plain file."""
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True
