"""May root act on this file? Only if nobody but root could have written it, or led us to it.

A site file names the user a process runs as, so whoever can change it can become anybody. Facts
about the kernel that make "check the mode, then open it" wrong, and what is done instead:

- A path is looked up anew at every use, so what was checked need not be what is read. Every
  component is opened once (``O_PATH | O_NOFOLLOW``), judged by ``fstat`` of that descriptor, and
  the next one is opened relative to it; the bytes come from the very descriptor judged last.
- Whoever may write to a directory may replace what is in it, so each directory on the way counts
  as much as the file. A symbolic link is followed by hand and its hops are judged the same way:
  a link cannot be written, only replaced, so its owner and its directory decide.
- Group write counts as "others" unless the group is root's own.

The refusal names the one component that offends and the command that mends it.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from gunicorn.errors import ConfigError

#: links followed before we call it a loop; the kernel's own limit
_MAX_HOPS = 40

#: a site file is a page; this bounds what a generator reads at boot
MAX_BYTES = 256 * 1024


class UntrustedError(ConfigError):
    """Somebody else than root can change this file or the way to it."""


@dataclass(frozen=True)
class Rules:
    """Whom to trust, and from where on to look.

    Production uses the defaults. Tests, whose directories lie under a ``/tmp`` that anybody may
    write, look from their own directory on and trust their own user too.
    """

    owners: frozenset[int] = frozenset({0})
    start: Path = Path("/")

    def looks_at(self, shown: Path) -> bool:
        """Whether this component is judged: all but those above ``start``."""
        return shown == self.start or not self.start.is_relative_to(shown)


ROOT_ONLY = Rules()


def read_trusted(path: Path, rules: Rules = ROOT_ONLY) -> bytes:
    """Read the file from the very descriptor that was judged.

    :raises UntrustedError: a component of the way, or the file, is not root's alone
    :raises FileNotFoundError: there is no such file (or a link that leads nowhere)
    :raises OSError: the file cannot be read
    """
    return read_owned(path, rules)[0]


def read_owned(
    path: Path, rules: Rules = ROOT_ONLY, delegates: frozenset[int] = frozenset()
) -> tuple[bytes, int]:
    """Read as ``read_trusted`` does a file that may also be a delegate's; gives its owner too.

    Nothing but the file itself may be a delegate's: not a directory, not a link on the way.
    """
    fd, shown = _open(path, rules, delegates=delegates)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedError(f"{path}: not used: {shown} is no regular file")
        if found.st_nlink > 1 and found.st_uid in delegates:
            # a second name for a file of hers that root never meant to be a site
            raise UntrustedError(f"{path}: not used: it has a second name somewhere")
        if found.st_size > MAX_BYTES:
            raise UntrustedError(f"{path}: not used: larger than {MAX_BYTES // 1024} KiB")
        data = bytearray()
        while len(data) <= MAX_BYTES and (chunk := os.read(fd, 65536)):
            data += chunk
        return bytes(data), found.st_uid
    finally:
        os.close(fd)


def mode_of_trusted(path: Path, rules: Rules = ROOT_ONLY) -> int:
    """Judge a file as ``read_trusted`` does, but without reading it; gives its permission bits."""
    fd, shown = _open(path, rules, os.O_PATH)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedError(f"{path}: not used: {shown} is no regular file")
        return stat.S_IMODE(found.st_mode)
    finally:
        os.close(fd)


def _open(
    path: Path,
    rules: Rules,
    reading: int = os.O_RDONLY | os.O_NONBLOCK,
    delegates: frozenset[int] = frozenset(),
) -> tuple[int, Path]:
    """Walk to the file, judging every component; gives a descriptor of it and its real path."""
    if not path.is_absolute():
        raise UntrustedError(f"{path}: not used: the path is not absolute")
    todo = list(reversed(path.parts[1:]))
    shown = Path("/")
    here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    hops = 0
    try:
        _judge(path, shown, os.fstat(here), rules)
        while todo:
            name = todo.pop()
            target = shown.parent if name == ".." else shown / name
            # the last component is opened for reading at once: judging an O_PATH descriptor and
            # opening again would be two lookups. O_NONBLOCK: a pipe must not hang the boot.
            flags = reading if not todo else os.O_PATH
            fd = _open_component(name, flags, here)
            found = os.fstat(fd)
            if stat.S_ISLNK(found.st_mode):
                try:
                    _judge(path, target, found, rules)
                    leads_to = os.readlink("", dir_fd=fd)
                finally:
                    os.close(fd)
                hops += 1
                if hops > _MAX_HOPS:
                    raise UntrustedError(f"{path}: not used: too many symbolic links")
                todo.extend(
                    reversed([part for part in leads_to.split("/") if part not in ("", ".")])
                )
                if leads_to.startswith("/"):
                    shown = Path("/")
                    here = _replace(here, os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                continue
            here, shown = _replace(here, fd), target
            is_file = not todo and stat.S_ISREG(found.st_mode)
            _judge(path, shown, found, rules, delegates if is_file else frozenset())
        return here, shown
    except BaseException:
        os.close(here)
        raise


def _open_component(name: str, flags: int, here: int) -> int:
    """Open one component without following it; a link comes back as itself."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=here)
    except OSError as error:
        # ELOOP: the last component is a link, which cannot be opened for reading, only as itself
        if error.errno != errno.ELOOP or flags & os.O_PATH:
            raise
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)


def _replace(old: int, new: int) -> int:
    os.close(old)
    return new


def _judge(
    asked: Path,
    shown: Path,
    found: os.stat_result,
    rules: Rules,
    delegates: frozenset[int] = frozenset(),
) -> None:
    """Refuse a component that somebody else than its trusted owners could change."""
    if not rules.looks_at(shown):
        return
    if stat.S_ISDIR(found.st_mode):
        kind = "the directory "
    elif stat.S_ISLNK(found.st_mode):
        kind = "the link "
    else:
        kind = "the file " if shown != asked else ""
    what = f"{kind}{shown}" if kind else "it"
    place = shlex.quote(str(shown))
    if found.st_uid not in rules.owners and found.st_uid not in delegates:
        no_follow = "-h " if stat.S_ISLNK(found.st_mode) else ""
        raise UntrustedError(
            f"{asked}: not used: {what} belongs to uid {found.st_uid}, not to root: "
            f"chown {no_follow}root {place}"
        )
    if stat.S_ISLNK(found.st_mode):
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o002:
        raise UntrustedError(
            f"{asked}: not used: {what} is writable by everybody (mode {mode:04o}): "
            f"chmod o-w {place}"
        )
    if mode & 0o020 and found.st_gid != 0:
        raise UntrustedError(
            f"{asked}: not used: {what} is writable by group {found.st_gid} (mode {mode:04o}): "
            f"chmod g-w {place}"
        )
