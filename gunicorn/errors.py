"""What can go wrong before a request exists, and the exit status each of it ends with.

Errors of the HTTP protocol are a different family and live in ``gunicorn.http.errors``.
"""

from __future__ import annotations

import enum


class ExitStatus(enum.IntEnum):
    """Every exit status of our commands; the manual prints this table."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitStatus:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "ended as asked"
    FAILURE = 1, "a setting, the environment or the machine does not allow it; one line says which"
    USAGE = 2, "the command line cannot be understood"
    WORKER_BOOT = 3, "no worker could boot: its hooks, its class or its user"
    APP_LOAD = 4, "the application could not be imported"
    SITE = 78, "a site file is wrong (EX_CONFIG of sysexits.h); systemd does not retry"
    UNEXPECTED = 255, "an error of the server itself, with its traceback"


class ConfigError(Exception):
    """A value the user gave cannot be used.

    The text is one line: what, where (``file:line``, flag or variable) and what would be right.
    """


class AppImportError(Exception):
    """APP_MODULE does not lead to a callable; the text says what was looked for and where."""


class HaltServer(BaseException):
    """Ends the master: raised where no worker can ever boot.

    Not an ``Exception``, so that no hook or plugin swallows it by accident.
    """

    def __init__(self, reason: str, exit_status: int = ExitStatus.FAILURE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_status = exit_status


def explain(exc: BaseException) -> str:
    """Give what a log should say of ``exc``: a user's mistake is one line, all else a traceback."""
    if isinstance(exc, (AppImportError, ConfigError)):
        return str(exc)
    import traceback  # here, because it is slow to import and most programs never need it

    return "".join(traceback.format_exception(exc))
