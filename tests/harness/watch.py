"""Listens to one server process: its log pipe, its readiness socket, and its death.

A thread waits on all three at once and wakes whoever waits for a condition, so that no test sleeps:
the log line, the READY=1 datagram and the end of the process are events.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

#: struct ucred of unix(7): pid, uid, gid
UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Notification:
    """One datagram of the sd_notify protocol and the process that sent it."""

    pid: int
    text: str

    @property
    def states(self) -> list[str]:
        return self.text.split("\n")


class Watch(threading.Thread):
    """Everything heard from one server so far; ``wait_for`` waits for more."""

    def __init__(self, log_descriptor: int, notify_socket: socket.socket, pid: int) -> None:
        super().__init__(name="server-watch", daemon=True)
        self.notifications: list[Notification] = []
        self.is_dead = False
        self.is_log_ended = False
        self._log = bytearray()
        self._changed = threading.Condition()
        self._log_descriptor = log_descriptor
        self._notify_socket = notify_socket
        self._pidfd = os.pidfd_open(pid)
        self._wake_read, self._wake_write = os.pipe()

    @property
    def log(self) -> str:
        """What the server wrote to its standard output and error, so far."""
        with self._changed:
            return self._log.decode("utf-8", "backslashreplace")

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition`` is true; it is asked again after everything that is heard."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._log_descriptor, selectors.EVENT_READ, self._read_log)
            selector.register(self._notify_socket, selectors.EVENT_READ, self._read_notification)
            selector.register(self._pidfd, selectors.EVENT_READ, self._note_death)
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    with self._changed:
                        if not key.data():
                            selector.unregister(key.fileobj)
                        self._changed.notify_all()

    def _read_log(self) -> bool:
        data = os.read(self._log_descriptor, 65536)
        self._log += data
        self.is_log_ended = not data
        return bool(data)

    def _read_notification(self) -> bool:
        data, ancillary, _, _ = self._notify_socket.recvmsg(65536, socket.CMSG_SPACE(1024))
        pid = 0
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = UCRED.unpack(value[: UCRED.size])[0]
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                count = len(value) // 4
                for descriptor in struct.unpack(f"{count}i", value[: count * 4]):
                    os.close(descriptor)
        self.notifications.append(Notification(pid, data.decode()))
        return True

    def _note_death(self) -> bool:
        self.is_dead = True
        return False

    def stop(self) -> None:
        os.write(self._wake_write, b"x")
        self.join()
        for descriptor in (self._pidfd, self._wake_read, self._wake_write):
            os.close(descriptor)
