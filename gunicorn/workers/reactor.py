"""Waits for many descriptors at once, and for the earliest of their deadlines.

Facts about epoll. A registration belongs to the open file, not to the number: a child process of
the application may keep the file open after we closed our number, and then a stale registration
would wake us for ever. A file that stays ready is reported at every wait (level-triggered). A
listener shared by processes wakes all of them at each connection unless it is registered with
EPOLLEXCLUSIVE, which wakes one that is waiting; exclusive registrations cannot be modified.

What that means here. Every registration is taken back before its descriptor is closed. Nothing
must be remembered about readiness, so a wait may return few events and handlers may be stopped
half-way. Pausing a listener means taking its registration back.

A registered thing ("item") has ``fd`` and ``deadline``, a monotonic instant. To move a deadline is
to set an attribute: all items are looked at once a second, which for some thousand of them takes a
fraction of a millisecond and costs requests nothing. The reactor knows nothing of requests, TLS or
processes.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable

from gunicorn.shapes import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["READ", "WRITE", "Item", "Reactor"]

READ: int = select.EPOLLIN
WRITE: int = select.EPOLLOUT

#: events taken out of one wait; more are reported by the next
MAX_EVENTS = 64


class Item(Protocol):
    """What can be watched. ``fd`` is its descriptor, ``mask`` the events it is registered for."""

    fd: int
    mask: int
    deadline: float


class Reactor:
    """The descriptors one worker waits for. ``items`` is by descriptor, oldest first."""

    def __init__(self, waker: tuple[int, int]) -> None:
        """``waker``: a pipe, readable end first, whose readability ends a wait."""
        self.epoll = select.epoll()
        self.items: dict[int, Any] = {}
        self.listeners: dict[int, Any] = {}
        self._waker = waker
        if waker[0] >= 0:
            self.epoll.register(waker[0], READ)

    def watch(self, item: Any, mask: int) -> None:
        """Report ``item`` when it is ready for ``mask``."""
        if item.mask == mask:
            return
        if item.mask:
            self.epoll.modify(item.fd, mask)
        else:
            self.epoll.register(item.fd, mask)
            self.items[item.fd] = item
        item.mask = mask

    def hold(self, item: Any) -> None:
        """Have ``item`` among the items although nothing is waited for, if it is not there yet."""
        self.items.setdefault(item.fd, item)

    def park(self, item: Any) -> None:
        """Report ``item`` no more until it is watched again; it stays among the items."""
        if item.mask:
            item.mask = 0
            self.epoll.unregister(item.fd)

    def forget(self, item: Any) -> None:
        """Take ``item`` out; to be called before its descriptor is closed."""
        self.park(item)
        if item.fd in self.items and self.items[item.fd] is item:
            del self.items[item.fd]

    def add_listeners(self, listeners: Iterable[Any]) -> None:
        """Report listeners that are ready to accept; one waiting process is woken by each peer."""
        for listener in listeners:
            fd = listener.fileno()
            if fd not in self.listeners:
                self.epoll.register(fd, READ | select.EPOLLEXCLUSIVE)
                self.listeners[fd] = listener

    def remove_listeners(self) -> None:
        """Report no listener any more."""
        for fd in self.listeners:
            self.epoll.unregister(fd)
        self.listeners.clear()

    def wait(self, timeout: float) -> list[tuple[int, int]]:
        """Return (descriptor, events) of what is ready, after at most ``timeout`` seconds."""
        return self.epoll.poll(timeout, MAX_EVENTS)

    def is_waker(self, fd: int) -> bool:
        """Whether ``fd`` is the waker; what was written to it is taken out."""
        if fd != self._waker[0]:
            return False
        try:
            os.read(fd, 4096)
        except BlockingIOError:
            pass
        return True

    def wake(self) -> None:
        """End the wait of this moment, or the next one; callable from any thread."""
        try:
            os.write(self._waker[1], b"\0")
        except OSError:
            pass  # full: it is readable already

    def overdue(self, now: float) -> list[Any]:
        """Return the items whose deadline has passed."""
        return [item for item in self.items.values() if item.deadline <= now]

    def close(self) -> None:
        """Let go of the epoll descriptor; items are not closed."""
        self.epoll.close()
