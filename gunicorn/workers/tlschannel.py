"""A channel under TLS: what is different where bytes are encrypted and a handshake comes first.

A file of its own so that a server without TLS does not load OpenSSL.
"""

from __future__ import annotations

import select
import ssl

from gunicorn.http.errors import ClientDisconnected
from gunicorn.workers.channel import READ_SIZE, Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["TLSChannel"]

#: the most that TLS encrypts as one
_RECORD = 16384


class TLSChannel(Channel):
    """A connection under TLS. Its files are read and encrypted, never sent by the kernel."""

    __slots__ = ()

    is_tls = True

    def shake(self) -> int:
        """Go on with the handshake; returns the poll event to wait for, 0 when it is done.

        Raises OSError (ssl.SSLError) when there will be no TLS.
        """
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return select.POLLIN
        except ssl.SSLWantWriteError:
            return select.POLLOUT
        return 0

    def receive(self) -> bytes | None:
        # READ_SIZE is more than a record, so nothing decrypted stays where epoll cannot see it.
        try:
            data: bytes = self.sock.recv(READ_SIZE)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        return data

    def _send_some(self, data: bytes | memoryview) -> int | None:
        # OpenSSL wants what it could not write offered again, no shorter than it was. A record at a
        # time keeps that true whatever the outbox does with the rest.
        try:
            return int(self.sock.send(data[:_RECORD]))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as exc:
            raise ClientDisconnected(str(exc)) from exc

    def send(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest and self.outbox is None:
            taken = self._send_some(rest)
            if taken is None:
                break
            rest = rest[taken:]
        if rest:
            self._keep(rest)
        return len(data)

    sendall = send

    def send_many(self, pieces: list[bytes]) -> None:
        self.send(b"".join(pieces))

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        return None

    def half_close(self) -> None:
        try:
            # Sends close_notify; the peer's own is not waited for.
            self.sock.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        super().half_close()
