"""What every verb of ``gunicornctl`` is given: where things are, whom to ask, how to speak."""

from __future__ import annotations

import enum
import os
import sys
from dataclasses import dataclass, field

from gunicorn.errors import ExitStatus
from gunicorn.sites.paths import Paths
from gunicorn.sites.systemctl import Runner, Systemd
from gunicorn.sites.systemctl import run as run_program
from gunicorn.sites.trust import ROOT_ONLY, Rules


class Status(enum.IntEnum):
    """Exit statuses of ``gunicornctl``; the table with their meaning is in ``control``."""

    DONE = 0
    FAILED = 1
    NOT_RUNNING_STATUS = 3
    NOT_ALLOWED = 4
    NO_SITE = 5
    NOT_RUNNING = 7
    SITE = ExitStatus.SITE


@dataclass
class Context:
    """The machine a verb works on; tests give it another."""

    paths: Paths = field(default_factory=Paths)
    rules: Rules = ROOT_ONLY
    systemd: Systemd = field(default_factory=Systemd)
    #: runs a program of the system and waits for it
    run: Runner = run_program

    @property
    def has_systemd(self) -> bool:
        """Whether systemd is the init system here."""
        return self.paths.systemd.is_dir()

    @property
    def has_colour(self) -> bool:
        """Whether standard output is a terminal that people look at."""
        return (
            sys.stdout.isatty()
            and os.environ.get("TERM", "dumb") != "dumb"
            and not os.environ.get("NO_COLOR")
        )

    def say(self, line: str) -> None:
        """Write one line for whoever reads standard error."""
        print(line, file=sys.stderr)

    def show(self, text: str) -> None:
        """Write the answer of a verb to standard output, at once: it may be the next of many."""
        print(text, flush=True)
