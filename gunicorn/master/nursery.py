"""Workers of a server that preloads its application: they come from a zygote, one a generation.

Where ``preload_app`` is off this file adds nothing to ``Crew``. Where it is on, a generation begins
with its zygote, whose failure is the generation's; one that dies later is replaced, and its workers
do not notice.
"""

from __future__ import annotations

import os
import selectors
import traceback

from gunicorn.errors import ExitStatus, HaltServer
from gunicorn.master import crew, generation, phases, reaping
from gunicorn.system import clock, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.master import zygote

__all__ = ["Nursery"]


class Nursery(crew.Crew):
    """What of the master has to do with zygotes."""

    def __init__(self) -> None:
        super().__init__()
        self._zygotes: dict[int, zygote.Zygote] = {}

    def _preloads(self) -> bool:
        # Code that is watched for changes must be imported by each worker.
        return bool(getattr(self.cfg, "preload_app", False)) and not self.cfg.reload

    def _is_waiting(self) -> bool:
        """Whether workers cannot be forked yet."""
        mine = self._zygotes.get(self.generation)
        return self._preloads() and (mine is None or not mine.is_ready)

    # -- spawning ----------------------------------------------------------------------------------

    def spawn_first(self) -> None:
        if self._is_waiting():
            self._start_zygote()
        else:
            super().spawn_first()

    def spawn_workers(self) -> None:
        if not self._is_waiting():
            super().spawn_workers()

    def roll(self) -> None:
        if not self._is_waiting():
            super().roll()

    def _fork(self, worker: Any) -> int:
        if not self._preloads():
            return super()._fork(worker)
        return self._zygotes[self.generation].fork(worker)

    def manage_workers(self) -> None:
        is_vacant = self._preloads() and self.generation not in self._zygotes
        may_start = not self._backoff.seconds_left(clock.monotonic())
        if is_vacant and may_start and self.phase is phases.Phase.RUNNING:
            self._replace_zygote()
        super().manage_workers()

    def _replace_zygote(self) -> None:
        try:
            self._start_zygote()
        except OSError as exc:
            self.log.error("cannot start a zygote: %s", exc)
            self._backoff.died_early(clock.monotonic())

    def _start_zygote(self) -> None:
        from gunicorn.master import zygote  # only who preloads needs it

        made = zygote.start(self, phases.SIGNALS)
        self.log.info("Preloading the application (pid: %s)", made.pid)
        self._zygotes[made.generation] = made
        self._selector.register(made.slot, selectors.EVENT_READ, lambda _now: self._hear(made))

    def _hear(self, speaker: zygote.Zygote) -> None:
        """Take the reports of a zygote."""
        while (report := speaker.slot.read_report()) is not None:
            if report.kind == "ready":
                speaker.is_ready = True
                self._bear_generation(speaker)
            elif report.kind == "failed":
                speaker.failure, speaker.failure_status = report.text, report.exit_status
        if speaker.slot.ended:
            self._unwatch(speaker.slot)

    def _bear_generation(self, speaker: zygote.Zygote) -> None:
        is_first = self.phase in (phases.Phase.STARTING, phases.Phase.RELOADING)
        if not is_first or speaker.generation != self.generation or speaker.is_dismissed:
            return
        try:
            super().spawn_first()
        except Exception:
            text = traceback.format_exc()
            self.log.error("cannot start the workers:\n%s", text)
            self._trial.lost(0, text)

    # -- their ends --------------------------------------------------------------------------------

    def murder_workers(self) -> None:
        now = clock.monotonic()
        for each in self._zygotes.values():
            limit = self.cfg.boot_timeout
            if not each.is_ready and limit and now - each.spawned_at > limit:
                each.killed_for = "boot timeout"
                each.dismiss()
        super().murder_workers()

    def retire_before(self, number: int) -> None:
        super().retire_before(number)
        self.dismiss_zygotes(lambda born: born < number)

    def withdraw(self, number: int) -> None:
        super().withdraw(number)
        self.dismiss_zygotes(lambda born: born == number)

    def dismiss_zygotes(self, is_concerned: Any = lambda born: True) -> None:
        """End the zygotes of the generations concerned; their workers stay."""
        for each in self._zygotes.values():
            if is_concerned(each.generation):
                each.dismiss()

    def wait_zygotes(self) -> None:
        """Wait for the end of zygotes that have been dismissed: nothing outlives the master."""
        for each in self._zygotes.values():
            try:
                os.waitpid(each.pid, 0)
            except ChildProcessError:
                pass
            self._unwatch(each.slot)
            each.close()
        self._zygotes = {}

    def reopen_zygote_logs(self) -> None:
        """Have workers that are still to be forked write to reopened log files."""
        for each in self._zygotes.values():
            each.reopen_logs()

    def _bury_other(self, pid: int, status: int) -> None:
        dead = next((each for each in self._zygotes.values() if each.pid == pid), None)
        if dead is None:
            super()._bury_other(pid, status)
            return
        self._hear(dead)
        self._unwatch(dead.slot)
        dead.close()
        if self._zygotes.get(dead.generation) is dead:
            del self._zygotes[dead.generation]
        if not dead.is_dismissed or dead.killed_for:
            self._judge_zygote(dead, status)

    def _judge_zygote(self, dead: zygote.Zygote, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        how = (
            f"exited with code {code}"
            if code >= 0
            else f"was sent SIG{signals.name_of(-code).upper()}"
        )
        told = f"Zygote (pid:{dead.pid}) {how}"
        if dead.killed_for:
            told += f" ({dead.killed_for})"
        self.log.error("%s", told)
        cause = dead.failure or told
        if self.phase is phases.Phase.STARTING:
            known = dead.failure_status or ExitStatus.WORKER_BOOT
            reason = reaping.BOOT_FAILURES[known]
            raise HaltServer(f"{reason} {generation.last_line(cause)}", known)
        if self.phase is phases.Phase.RELOADING and dead.generation == self._trial.generation:
            self._trial.lost(dead.pid, cause)
        elif self.phase is phases.Phase.RUNNING:
            self._backoff.died_early(clock.monotonic())

    def _forget(self) -> None:
        super()._forget()
        for each in self._zygotes.values():
            each.close()

    def forget_for_child(self) -> None:
        """In a zygote: close what is the master's alone."""
        self._forget()
        self._zygotes = {}
