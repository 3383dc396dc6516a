"""``gunicornctl logs``: the last lines of a site's logs, and with ``-f`` what comes after.

The directory of the logs is the site's, so root opens a log with the rights of the site's user
alone, without following a link in its place, only if it is a plain file, and shows its lines
without control characters. A rotation is noticed by the name
leading to another file: the rest of the old one is read first, so that no line is passed over.
"""

from __future__ import annotations

import argparse
import os
import stat
import time
from pathlib import Path

from gunicorn.sites import account as accounts
from gunicorn.sites import impersonate, site
from gunicorn.sites.context import Context, Status
from gunicorn.sites.talk import plain

#: bytes read from the end of a log to find its last lines
_TAIL = 256 * 1024
#: seconds between two looks; the kernel tells nobody without inotify, which Python does not have
_PAUSE = 0.3


class Log:
    """One file that grows, and is renamed and made anew at a rotation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._rest = b""

    def open(self) -> bool:
        """Open what the name leads to now; False when there is no such file.

        :raises OSError: it is a link, no plain file, or closed to us
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags)
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(0, "it is no plain file")
        self.close()
        self._fd = fd
        return True

    def tail(self, count: int) -> list[str]:
        """Give the last lines and stand at the end."""
        size = os.fstat(self._fd).st_size
        os.lseek(self._fd, max(0, size - _TAIL), os.SEEK_SET)
        lines = self.read()
        # the first may have been cut
        return lines[1 if size > _TAIL else 0 :][-count:] if count else []

    def read(self) -> list[str]:
        """Give the complete lines that have come since."""
        data = bytearray(self._rest)
        while chunk := os.read(self._fd, 1 << 16):
            data += chunk
        *lines, self._rest = bytes(data).split(b"\n")
        return [plain(line.decode("utf-8", "replace")) for line in lines]

    def follow(self) -> list[str]:
        """Give new lines, also of the file that has taken the name since."""
        lines = self.read() if self._fd >= 0 else []
        if self._is_replaced() and self.open():
            lines += self.read()
        return lines

    def _is_replaced(self) -> bool:
        try:
            now = self.path.lstat()
        except OSError:
            return False
        return self._fd < 0 or now.st_ino != os.fstat(self._fd).st_ino

    def close(self) -> None:
        """Close the file that is open, if one is."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._rest = b""


def logs(context: Context, options: argparse.Namespace) -> int:
    """Show the error log of a site, or with ``--access`` its access log."""
    one = site.read_site(options.site, context.paths, context.rules)
    key = "accesslog" if options.access else "errorlog"
    default = getattr(context.paths, key)(one.name)
    value = one.settings.get(key, str(default))
    if not isinstance(value, str) or not value.startswith("/"):
        context.say(f"{one.place(key)}: {key} is {value!r}: journalctl -u gunicorn@{one.name}")
        return Status.FAILED
    account = accounts.account_of(one)
    with impersonate.acting_as(account.uid, account.gid, account.groups):
        return _show(Path(value), context, options)


def _show(path: Path, context: Context, options: argparse.Namespace) -> int:
    log = Log(path)
    try:
        if log.open():
            for line in log.tail(options.lines):
                context.show(line)
        elif not options.follow:
            context.say(f"{path}: there is no such file yet")
            return Status.FAILED
        while options.follow:
            for line in log.follow():
                context.show(line)
            time.sleep(_PAUSE)
    except OSError as error:
        context.say(f"{path}: not shown: {(error.strerror or str(error)).lower()}")
        return Status.FAILED
    finally:
        log.close()
    return Status.DONE
