"""Whether what lies on disk now would start: the same program once more, told only to check itself.

A package upgrade, or a new Python under it, asks this of every running site before it moves one.
The rehearsal is a child of the master, so it is who the site is, in the site's sandbox, with its
interpreter and environment; nothing but that could answer for the site. It binds nothing, writes
nothing, and ends by itself. Its output goes to memory, because nobody reads along.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from gunicorn.errors import ExitStatus
from gunicorn.master import upgrade
from gunicorn.master.phases import SIGNALS
from gunicorn.shapes import NamedTuple
from gunicorn.system import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["Answer", "Rehearsals"]

#: takes None when it would start, else what the program said
Answer = Callable[[str | None], None]

#: bytes of its last words that are worth passing on
WORDS_LIMIT = 8192


class Rehearsal(NamedTuple):
    """A program that is checking itself."""

    pid: int
    words: int
    answer: Answer


class Rehearsals(upgrade.Upgrades):
    """What of the master tries the program before anything depends on it."""

    _rehearsal: Rehearsal | None = None

    def ask_check(self, answer: Answer) -> None:
        """Let ``answer`` know whether the program, as it is on disk now, would start."""
        if self._rehearsal is not None:
            answer("a check is under way already")
            return
        words = os.memfd_create("check")
        try:
            with signals.blocked():
                pid = os.fork()
                if pid == 0:
                    self._be_rehearsal(words)
        except OSError as exc:
            os.close(words)
            answer(f"cannot be checked: {exc.strerror}")
            return
        self._rehearsal = Rehearsal(pid, words, answer)

    def _be_rehearsal(self, words: int) -> NoReturn:
        """In the child: become the program that we were once started as, told only to check."""
        program = self.START_CTX[0]
        try:
            signal.set_wakeup_fd(-1)
            signals.reset({*SIGNALS, signal.SIGCHLD})
            self.app.set_environment({})
            os.chdir(self.START_CTX["cwd"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(words, 1)
            os.dup2(words, 2)
            # It survives the execution, and ends what would otherwise check for ever.
            signal.alarm(self.cfg.boot_timeout or 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execve(program, [program, *self.START_CTX["args"], "--check-config"], os.environ)
        except OSError as exc:
            os.write(words, f"{program}: {exc.strerror}\n".encode())
        finally:
            os._exit(ExitStatus.UNEXPECTED)

    def _bury_other(self, pid: int, status: int) -> None:
        """Answer whoever asked when the rehearsal is over."""
        done = self._rehearsal
        if done is None or pid != done.pid:
            super()._bury_other(pid, status)
            return
        self._rehearsal = None
        size = os.fstat(done.words).st_size
        said = os.pread(done.words, WORDS_LIMIT, max(0, size - WORDS_LIMIT))
        os.close(done.words)
        code = os.waitstatus_to_exitcode(status)
        if code == ExitStatus.OK:
            done.answer(None)
            return
        text = said.decode("utf-8", "replace").strip()
        if code == -signal.SIGALRM:
            text += f"\nnot loaded within boot_timeout ({self.cfg.boot_timeout} s)"
        done.answer(text.strip() or f"the check ended with {code}")

    def _announce_stop(self) -> None:
        super()._announce_stop()
        if self._rehearsal is not None:
            os.kill(self._rehearsal.pid, signal.SIGKILL)  # ours and not yet reaped

    def _forget(self) -> None:
        super()._forget()
        if self._rehearsal is not None:
            os.close(self._rehearsal.words)
