"""What a site writes to its standard output and error, on its way to the supervisor's.

systemd gives a unit the journal; here a pipe is read, so that each line says whose it is, and
nothing a site writes can move the cursor of root's terminal or pass for a line of ours. Lines are
bounded; a site that writes faster than we read waits, as with any pipe.
"""

from __future__ import annotations

import os

from gunicorn.sites.talk import plain

_LONGEST = 4096


class Outlet:
    """The reading end of one site's pipe."""

    def __init__(self, site: str, reader: int) -> None:
        self.site = site
        self.is_closed = False
        self._reader = reader
        self._rest = b""
        os.set_blocking(reader, False)

    def fileno(self) -> int:
        return self._reader

    def take(self) -> list[str]:
        """Read what is there and give the complete lines, named and cleaned."""
        try:
            chunk = os.read(self._reader, 65536)
        except BlockingIOError:
            return []
        self.is_closed = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._rest and (self.is_closed or len(self._rest) > _LONGEST):
            lines.append(self._rest)
            self._rest = b""
        return [self._named(line) for line in lines if line.strip()]

    def close(self) -> None:
        os.close(self._reader)

    def _named(self, line: bytes) -> str:
        return f"[{self.site}] {plain(line[:_LONGEST].decode('utf-8', 'replace'))}"
