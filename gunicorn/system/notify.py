"""Speaking to systemd: readiness, status and watchdog over a plain datagram socket, no library.

The protocol is that of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). Nothing here
raises: a server that cannot report must still serve.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import MutableMapping, Sequence

from gunicorn.shapes import NamedTuple

__all__ = ["LISTEN_FDS_START", "Notifier", "listen_fds", "sd_notify"]

LISTEN_FDS_START = 3


class Notifier(NamedTuple):
    """The address of the service manager and what it expects; falsy address: nobody listens."""

    address: str = ""
    #: seconds between two WATCHDOG=1 that keep the manager calm; None when it does not watch
    watchdog_period: float | None = None
    #: whether the manager keeps descriptors for the next start of the service
    keeps_fds: bool = False

    @classmethod
    def take_from(cls, environ: MutableMapping[str, str]) -> Notifier:
        """Make one from the environment and remove the variables: no child speaks for us."""
        address = environ.pop("NOTIFY_SOCKET", "")
        limit = environ.pop("WATCHDOG_USEC", "")
        pid = environ.pop("WATCHDOG_PID", "")
        # systemd says how many it keeps since version 254; for older ones the unit says it.
        room = environ.pop("FDSTORE", "")
        period = None
        if address and limit.isdigit() and int(limit) > 0 and pid in ("", str(os.getpid())):
            # A third of the limit: one lost ping, or one late turn of the loop, is no death.
            period = int(limit) / 1e6 / 3
        return cls(address, period, bool(address and room.isdigit() and int(room)))

    def variables(self) -> dict[str, str]:
        """Give what ``take_from`` would take: for the program that is executed in our place."""
        found = {"NOTIFY_SOCKET": self.address} if self.address else {}
        if self.watchdog_period is not None:
            found["WATCHDOG_USEC"] = str(round(self.watchdog_period * 3e6))
        if self.keeps_fds:
            found["FDSTORE"] = "1"
        return found

    def send(self, text: str, fds: Sequence[int] = ()) -> bool:
        """Send ``NAME=value`` lines, and descriptors with them; say whether they were taken."""
        if not self.address:
            return False
        # "@" stands for the zero byte of an abstract address.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                if fds:
                    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
                    sock.sendmsg([text.encode()], [rights], 0, address)
                else:
                    sock.sendto(text.encode(), address)
        except (OSError, ValueError):
            return False
        return True


def sd_notify(text: str) -> bool:
    """Send ``text`` to the NOTIFY_SOCKET of the environment, which stays as it is."""
    return Notifier(os.environ.get("NOTIFY_SOCKET", "")).send(text)


def listen_fds(environ: MutableMapping[str, str]) -> list[tuple[int, str]]:
    """Give the (descriptor, name) pairs passed by the service manager, and forget them."""
    pid = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    fds = range(LISTEN_FDS_START, LISTEN_FDS_START + int(count))
    return [(fd, names[i] if i < len(names) else "") for i, fd in enumerate(fds)]
