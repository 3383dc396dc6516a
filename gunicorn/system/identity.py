"""Who a process is: user, groups, capabilities, and how to become less.

Names are looked up here and nowhere else. Every call is skipped when it would change nothing:
under a system call filter even a no-op ``setuid`` is refused (EPERM).
"""

from __future__ import annotations

import grp
import os
import pwd

from gunicorn.errors import ConfigError

__all__ = ["drop_capabilities", "gid_of", "is_current", "switch", "uid_of"]

_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


def uid_of(name: str | int | None) -> int:
    """Give the user id of an account name, of digits, or of None (the current effective user).

    Raises ConfigError when there is no such account.
    """
    if name is None:
        return os.geteuid()
    if isinstance(name, int) or (name.isascii() and name.isdigit()):
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"No such user: {name!r}") from None


def gid_of(name: str | int | None) -> int:
    """Give the group id of a group name, of digits, or of None (the current effective group).

    Raises ConfigError when there is no such group.
    """
    if name is None:
        return os.getegid()
    if isinstance(name, int) or (name.isascii() and name.isdigit()):
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"No such group: {name!r}") from None


def is_current(uid: int, gid: int) -> bool:
    """Say whether this process already is ``uid`` and ``gid``."""
    return uid == os.geteuid() and gid == os.getegid()


def switch(uid: int, gid: int, initgroups: bool = False) -> None:
    """Become ``uid`` and ``gid`` for good, with no supplementary group of the present user left.

    ``initgroups`` gives the groups that the group database lists for the user. Does nothing when
    the process is that user and group already. Raises OSError (EPERM) when the process may not.
    """
    if is_current(uid, gid):
        return
    # Groups first: after setuid the process may no longer change them.
    if os.geteuid() == 0:
        groups = _groups_of(uid, gid) if initgroups else [gid]
        os.setgroups(groups)
    if gid != os.getegid():
        os.setgid(gid)
    if uid != os.geteuid():
        os.setuid(uid)


def _groups_of(uid: int, gid: int) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]  # a number without an account belongs to no group


def drop_capabilities() -> None:
    """Give up every capability of this process, so that no program it runs has one either.

    A site on port 80 has CAP_NET_BIND_SERVICE in its master; the application must not. Root keeps
    what makes it root: who runs workers as root asked for it. Raises OSError when the kernel
    refuses.
    """
    if os.geteuid() == 0 or not _has_capabilities():
        return
    import ctypes  # nearly always there is nothing to drop

    libc = ctypes.CDLL(None, use_errno=True)
    # Ambient before the others: clearing permitted would clear it too, but not on a refused capset.
    if libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0:
        raise _error(ctypes.get_errno(), "cannot clear ambient capabilities")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two sets (64 bits) of effective, permitted, inheritable: all zero.
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing) != 0:
        raise _error(ctypes.get_errno(), "cannot drop capabilities")


def _has_capabilities() -> bool:
    try:
        with open("/proc/self/status", "rb") as file:
            status = file.read()
    except OSError:
        return os.uname().sysname == "Linux"
    held = (b"CapInh:", b"CapPrm:", b"CapEff:", b"CapAmb:")
    return any(int(line[7:], 16) != 0 for line in status.splitlines() if line.startswith(held))


def _error(number: int, what: str) -> OSError:
    return OSError(number, f"{what}: {os.strerror(number)}")
