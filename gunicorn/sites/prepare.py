"""Root makes the directories of a site, and touches nothing that is in the site's hands.

``/run/gunicorn`` and ``/var/log/gunicorn`` belong to root, so what stands in them was put there by
root. A site's own directory below them belongs to the site's user, who may fill it with links to
files of root's, at any moment. Therefore:

- a directory is opened once, without following links, and changed through that descriptor only;
- what is inside is not looked at, unless the directory belongs to somebody else than the site file
  says (the user was changed). Then the directory is root's own first, so that nobody can exchange
  what is in it, and only then files with a single name are given to the new user.

Facts that cost a failed start when forgotten: the unit's ``UMask=`` applies to this helper too; and
``RuntimeDirectory=`` cannot do this work (see the unit).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gunicorn.errors import ConfigError
from gunicorn.sites.account import Account
from gunicorn.sites.paths import Paths

#: the proxy's group may enter and its files belong to that group: a socket in it is 0660 for both
RUN_MODE = 0o2750
LOG_MODE = 0o750

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare_site(name: str, account: Account, paths: Paths, root_uid: int = 0) -> None:
    """Make run and log directory of a site, for its user.

    :raises ConfigError: something else stands in the way; one line says what
    :raises OSError: the disk or the kernel refuses
    """
    previous = os.umask(0o022)
    try:
        for parent, gid, mode in (
            (paths.run, account.socket_gid, RUN_MODE),
            (paths.logs, account.gid, LOG_MODE),
        ):
            parent_fd = _open_parent(parent, root_uid)
            try:
                _hand_over(parent_fd, parent, name, account.uid, gid, mode)
            finally:
                os.close(parent_fd)
    finally:
        os.umask(previous)


def _open_parent(parent: Path, root_uid: int) -> int:
    parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        fd = os.open(parent, _DIRECTORY)
    except NotADirectoryError:
        raise ConfigError(f"{parent} is a link or no directory: remove it") from None
    found = os.fstat(fd)
    if found.st_uid != root_uid or found.st_mode & 0o022:
        os.close(fd)
        raise ConfigError(
            f"{parent} belongs to uid {found.st_uid} with mode "
            f"{stat.S_IMODE(found.st_mode):04o}: chown root {parent}; chmod 0755 {parent}"
        )
    return fd


def _hand_over(parent_fd: int, parent: Path, name: str, uid: int, gid: int, mode: int) -> None:
    """Make ``parent/name`` a directory of ``uid:gid`` with ``mode``, whatever it was before."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent_fd)
    except FileExistsError:
        pass
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=parent_fd)
    except OSError as error:
        raise ConfigError(
            f"{parent / name} is in the way, it is no directory: {error.strerror}"
        ) from None
    try:
        found = os.fstat(fd)
        if found.st_uid not in (uid, os.geteuid()):
            _give_files(fd, uid, gid)
        elif found.st_uid == uid and found.st_gid == gid and stat.S_IMODE(found.st_mode) == mode:
            return
        # in this order: chown clears the set-group-id bit
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _give_files(directory: int, uid: int, gid: int) -> None:
    """Give the plain files and sockets of a directory to the site's new user."""
    # From here on nobody but root changes names in it, not even a process that stands inside.
    os.fchown(directory, os.geteuid(), -1)
    os.fchmod(directory, 0o700)
    for name in os.listdir(directory):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        # A second name could be one that the old user gave to somebody else's file.
        if found.st_nlink == 1 and (stat.S_ISREG(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
            os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
