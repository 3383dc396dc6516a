"""The pid file: who the master is, for those who can only read files.

Rules: it appears complete (written beside, then renamed), it never replaces that of a living
master, and it is deleted only while it still names us. What stands in it is a claim, not a fact:
whoever signals the pid looks first.
"""

from __future__ import annotations

import contextlib
import os

from gunicorn.errors import ConfigError

__all__ = ["Pidfile"]


class Pidfile:
    """The pid file at ``fname``; ``pid`` is what it was created with, or None."""

    def __init__(self, fname: str) -> None:
        self.fname = fname
        self.pid: int | None = None

    def create(self, pid: int) -> None:
        """Write ``pid``. Raises ConfigError where another master lives, or it cannot be done."""
        other = self.validate()
        if other is not None and other != pid:
            raise ConfigError(
                f"Already running on PID {other} (or pid file '{self.fname}' is stale)"
            )
        directory = os.path.dirname(self.fname) or "."
        if not os.path.isdir(directory):
            raise ConfigError(f"{directory} doesn't exist. Can't create pidfile.")
        try:
            self._write(directory, pid)
        except OSError as exc:
            raise ConfigError(f"Can't create pidfile '{self.fname}': {exc.strerror}") from exc
        self.pid = pid

    def _write(self, directory: str, pid: int) -> None:
        import tempfile  # few servers write one, and it loads compressors

        fd, temporary = tempfile.mkstemp(prefix=".gunicorn-", suffix=".pid", dir=directory)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(b"%d\n" % pid)
                os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, self.fname)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def rename(self, path: str) -> None:
        """Leave the present path and appear at ``path``. Raises ConfigError as ``create`` does."""
        pid = self.pid if self.pid is not None else os.getpid()
        fresh = Pidfile(path)
        # The new file first: one that cannot be written must not cost us the old one.
        fresh.create(pid)
        self.unlink()
        self.fname, self.pid = fresh.fname, fresh.pid

    def unlink(self) -> None:
        """Delete the file if it names us; a successor's stays."""
        if self.pid is not None and self._content() == self.pid:
            with contextlib.suppress(OSError):
                os.unlink(self.fname)

    def validate(self) -> int | None:
        """Give the pid in the file if such a process lives; None: no file, or a stale one."""
        pid = self._content()
        if pid is None or pid <= 0:
            return None
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return None
        except PermissionError:
            pass  # alive, and somebody else's
        return pid

    def _content(self) -> int | None:
        try:
            with open(self.fname, "rb") as file:
                text = file.read(32).strip()
        except OSError:
            return None
        return int(text) if text.lstrip(b"-").isdigit() else None
