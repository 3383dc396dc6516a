"""Between fork and exec, without systemd: from root's child to the process of a site's user.

What systemd's unit does with ``User=``, ``AmbientCapabilities=``, ``NoNewPrivileges=``, ``UMask=``
and limits, in the order the kernel needs: groups before the user (afterwards one may not),
capabilities kept across the change and made ambient after it, "no new privileges" last.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path

from gunicorn.sites.account import Account
from gunicorn.sites.site import Site

_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_NET_BIND_SERVICE = 10

#: what the service manager of a container says to its own child, the supervisor, and to no other
MANAGER_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID",
                     "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "FDSTORE",
                     "INVOCATION_ID", "JOURNAL_STREAM")  # fmt: skip

#: rlimits in place of unit properties
_RLIMITS = {
    "memory_max": resource.RLIMIT_AS,
    "tasks_max": resource.RLIMIT_NPROC,
    "nofile": resource.RLIMIT_NOFILE,
}
#: and what that means; said when a site starts, and by ``check``
_DIFFERENCES = {
    "memory_max": "it bounds the address space of each process, not the memory of all together",
    "tasks_max": "it counts all processes of the user, not of the site",
    "cpu_quota": "it has no effect: limit the container instead",
}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def become_site(account: Account, limits: Mapping[str, str], may_bind_low: bool) -> None:
    """Turn this freshly forked child into the site's user, for good; every step must succeed.

    ``may_bind_low`` keeps the one capability to bind ports below 1024; workers drop it.
    """
    os.setsid()  # no terminal of root's to type into, and one group to kill what is left over
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    os.umask(0o027)
    for key, which in _RLIMITS.items():
        if key in limits:
            _limit(which, limits[key])
    _bound_capabilities(_CAP_NET_BIND_SERVICE if may_bind_low else None)
    os.setgroups(list(account.groups))
    os.setresgid(account.gid, account.gid, account.gid)
    if may_bind_low:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setresuid(account.uid, account.uid, account.uid)
    # The kernel clears what was permitted with the change of user, but not what is inheritable: a
    # container's first process may have been given that.
    _keep_only(1 << _CAP_NET_BIND_SERVICE if may_bind_low else 0)
    if may_bind_low:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_NET_BIND_SERVICE)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def differences(site: Site) -> list[str]:
    """Tell, a line each, what of a site file means less here than it does under systemd."""
    found = []
    for key, text in _DIFFERENCES.items():
        if key in site.limits:
            place = site.place("limits", key)
            found.append(f"{place}: limits.{key}: without systemd {text}")
    granted = [key for key, value in site.sandbox.items() if value not in (False, "hidden")]
    if granted:
        place = site.place("sandbox", granted[0])
        found.append(f"{place}: sandbox: there is none without systemd, {granted[0]} is granted")
    return found


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, as PID 1 is of everybody's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def parse_limit(text: str) -> int:
    """Give the number of a limit; shares of the machine are of its memory, infinity is none."""
    if text == "infinity":
        return resource.RLIM_INFINITY
    if text.endswith("%"):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return total * int(text[:-1]) // 100
    if text[-1] in _UNITS:
        return int(text[:-1]) * _UNITS[text[-1]]
    return int(text)


def _limit(which: int, text: str) -> None:
    wanted = parse_limit(text)
    resource.setrlimit(which, (wanted, wanted))


def _bound_capabilities(kept: int | None) -> None:
    """Take every capability but one out of reach, for this process and all it will execute."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        if capability != kept and _has_bound(capability):
            _prctl(_PR_CAPBSET_DROP, capability)


def _has_bound(capability: int) -> bool:
    # PR_CAPBSET_READ; a container may have dropped it already
    return bool(ctypes.CDLL(None).prctl(23, ctypes.c_ulong(capability), 0, 0, 0) == 1)


def _prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *values) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")


def _keep_only(mask: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # two triples (effective, permitted, inheritable) of 32 bits each
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")
