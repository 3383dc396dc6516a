"""What the master does when a child has ended: asks how, tells it, judges what follows from it.

The half of the ``Crew`` that comes after a worker's life. The words are ``deaths``'s; here it is
decided whether an end is worth a line, whether it fails a generation on trial, slows the next start
down, or halts a server in which nothing has ever worked.
"""

from __future__ import annotations

import os
import signal

from gunicorn.errors import ExitStatus, HaltServer
from gunicorn.master import (
    backoff,
    children,
    confirm,
    deaths,
    generation,
    phases,
    scoreboard,
)
from gunicorn.system import clock, oom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BOOT_FAILURES", "Reaping"]

BOOT_FAILURES: dict[int, str] = {
    ExitStatus.WORKER_BOOT: "Worker failed to boot.",
    ExitStatus.APP_LOAD: "App failed to load.",
}


class Reaping:
    """What of the master has to do with children that have ended."""

    log: Any
    phase: phases.Phase

    def __init__(self) -> None:
        self.generation = 1
        self.children = children.Children()
        self.scoreboard = scoreboard.Scoreboard(self.children)
        self._backoff = backoff.Backoff()
        self._reopening = confirm.Confirmations()
        self._trial = generation.Trial(1, 0)
        self._oom = oom.OomCounter()

    def _read_reports(self, pid: int) -> None:
        """Take what a worker has said and nobody has read yet."""
        raise NotImplementedError

    def _unwatch(self, slot: Any) -> None:
        """Wait for no report of this slot any more."""
        raise NotImplementedError

    def reap_workers(self) -> None:
        """Take note of every child that has ended. Raises HaltServer where no worker can boot."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # Its last words are still in the pipe.
            self._read_reports(pid)
            child = self.children.update(children.Reaped(pid))
            if child is not None:
                self._bury(child, status)
            else:
                self._bury_other(pid, status)

    def _bury_other(self, pid: int, status: int) -> None:
        """Take note of the end of a child that is no worker."""

    def _bury(self, child: children.Child, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        current = child.worker.tmp.current_request()
        is_clean, told = deaths.explain(child, code, current, self._ask_oom(child, code))
        cause = told if child.killed_for else child.failure or told
        if told:
            self.log.log(self._loudness(child, is_clean), told)
        self._lay_out(child, cause)
        self._call_hook("child_exit", child.worker)
        was_silent = child.killed_for in ("timeout", "boot timeout")
        if self.phase is phases.Phase.STOPPING or (child.was_told_to_go and not was_silent):
            return
        if code in BOOT_FAILURES or child.ready_at is None:
            self._judge_boot_failure(child, code, cause)
        if not is_clean or child.ready_at is None:
            self._note_crash(child, cause)

    def _ask_oom(self, child: children.Child, code: int) -> str | None:
        """Give what the kernel counts about a death by SIGKILL that is not ours."""
        if code != -signal.SIGKILL or child.killed_for or not self._oom.is_known:
            return None
        return self._oom.whose if self._oom.claim(clock.monotonic()) else ""

    def _loudness(self, child: children.Child, is_clean: bool) -> str:
        """Give the level at which an end is told: a crash loop has been told already."""
        if is_clean:
            return "info"
        return "debug" if self._backoff.is_told and not child.was_told_to_go else "error"

    def _lay_out(self, child: children.Child, cause: str) -> None:
        """Let go of what the master held for a worker that is no more."""
        self.scoreboard.buried(child)
        self._unwatch(child.worker.tmp)
        child.worker.tmp.close()
        self._reopening.confirmed(child.pid)
        # One that was ready and left in peace (a worker class that counts requests itself) has
        # shown that its generation works.
        if child.generation == self._trial.generation and (cause or child.ready_at is None):
            self._trial.lost(child.pid, cause)

    def _judge_boot_failure(self, child: children.Child, code: int, cause: str) -> None:
        """Halt where nothing has ever worked. Later failures are slowed down, not fatal."""
        is_alone = not any(other.ready_at for other in self.children)
        never_worked = self.phase is phases.Phase.STARTING or (
            # Says "ready", then that it cannot boot: workers that start their application in run().
            self.generation == 1 and code in BOOT_FAILURES and child.ready_at and is_alone
        )
        if not never_worked:
            return
        status = code if child.killed_for else child.failure_status or code
        status = status if status in BOOT_FAILURES else int(ExitStatus.WORKER_BOOT)
        reason = BOOT_FAILURES[status]
        raise HaltServer(f"{reason} {generation.last_line(cause)}".rstrip(), status)

    def _note_crash(self, child: children.Child, cause: str) -> None:
        now = clock.monotonic()
        if child.ready_at is not None and now - child.ready_at >= backoff.STEADY_SECONDS:
            return
        delay = self._backoff.died_early(now)
        if self._backoff.is_news():
            self.log.error(
                "workers keep dying early (%s); the next start is in %.0f s, then ever later",
                generation.last_line(cause),
                delay,
            )

    def _call_hook(self, name: str, worker: Any) -> None:
        try:
            getattr(worker.cfg, name)(self, worker)
        except Exception:
            self.log.exception("Exception in %s hook", name)
