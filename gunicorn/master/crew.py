"""The workers of a master: spawned, listened to, watched, retired.

The half of the ``Arbiter`` that touches worker processes; the other half is the loop and the
signals. What can be judged without a process is judged elsewhere (``children``, ``watchdog``,
``backoff``, ``generation``); here it is carried out. What follows from their ends: ``reaping``.
"""

from __future__ import annotations

import os
import selectors
import signal
import traceback
from collections.abc import Callable

from gunicorn import sock
from gunicorn.master import (
    backoff,
    children,
    deaths,
    limits,
    phases,
    reaping,
    spawn,
    watchdog,
)
from gunicorn.system import clock, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Crew"]

#: after how long a worker that was to leave at once is told again, in seconds
REPEAT_SECONDS = 1.0


class Crew(reaping.Reaping):
    """What of the master has to do with its workers."""

    app: Any
    cfg: Any
    worker_class: Any
    pid: int
    LISTENERS: list[sock.BaseSocket]
    num_workers: Any  # an int; the Arbiter makes it a property

    def __init__(self) -> None:
        super().__init__()
        self._generations = 1
        self.worker_age = 0
        self._selector = selectors.DefaultSelector()
        self._watchdog = watchdog.Watchdog()
        #: the last generation of which it was said that its memory limit is too low
        self._limit_doubted = 0

    @property
    def WORKERS(self) -> dict[int, Any]:  # noqa: N802 -- the public name
        """The worker objects by pid."""
        return self.children.workers()

    def next_generation(self) -> int:
        """Give a number that no generation has had, not even one that was withdrawn."""
        self._generations += 1
        return self._generations

    # -- spawning ----------------------------------------------------------------------------------

    def spawn_generation(self) -> None:
        """Start all workers of the present generation. Raises what its class or hooks raise."""
        prepare: Callable[[Any], None] | None = getattr(self.worker_class, "prepare", None)
        if prepare is not None:
            prepare(self.cfg)
        self.spawn_first()

    def spawn_first(self) -> None:
        """Start the workers that a generation begins with. Raises what its class or hooks raise."""
        is_rolling = self._is_rolling() and bool(self.children.older(self.generation))
        for _ in range(min(1, self.num_workers) if is_rolling else self.num_workers):
            self.spawn_worker()

    def _is_rolling(self) -> bool:
        return getattr(self.cfg, "reload_strategy", "generation") == "rolling"

    def roll(self) -> None:
        """Take a rolling reload a step further: an old worker goes, then a new one starts.

        Never more than one worker above the wanted number is alive, those that finish included.
        """
        if not self._is_rolling():
            return
        new = self.children.staying(self.generation)
        if any(child.ready_at is None for child in new):
            return
        old = self.children.older(self.generation)
        for child in old[: max(0, len(new) + len(old) - self.num_workers)]:
            self.retire(child, "reload")
        if len(self.children) <= self.num_workers and len(new) < self.num_workers:
            try:
                self.spawn_worker()
            except Exception as exc:
                self._trial.lost(0, f"cannot start a worker: {exc}")

    def spawn_workers(self) -> None:
        """Start as many workers as are missing; a machine that refuses is asked again later."""
        for _ in range(self.num_workers - len(self.children.serving(self.generation))):
            try:
                self.spawn_worker()
            except Exception as exc:
                self.log.error("cannot start a worker: %s", exc)
                self.log.debug("%s", traceback.format_exc())
                self._backoff.died_early(clock.monotonic())
                return

    def spawn_worker(self) -> int:
        """Start one worker of the present generation and give its pid."""
        self.worker_age += 1
        cfg = self.cfg
        worker = self.worker_class(
            self.worker_age, self.pid, self.LISTENERS, self.app, cfg.timeout / 2.0, cfg, self.log
        )
        try:
            cfg.pre_fork(self, worker)
            pid = self._fork(worker)
        except BaseException:
            worker.tmp.close()
            raise
        worker.pid = pid
        worker.tmp.keep_master_side()
        self.children.update(
            children.Spawned(pid, self.worker_age, self.generation, worker, clock.monotonic())
        )
        self._selector.register(
            worker.tmp, selectors.EVENT_READ, lambda _now: self._read_reports(pid)
        )
        return pid

    def _fork(self, worker: Any) -> int:
        return spawn.fork_worker(self, worker, phases.SIGNALS, self._forget)

    def _forget(self) -> None:
        """In a new worker: close what is the master's alone."""
        self._selector.close()
        for child in self.children:
            child.worker.tmp.close()

    # -- listening to them -------------------------------------------------------------------------

    def _read_reports(self, pid: int) -> None:
        child = self.children.get(pid)
        if child is None:
            return
        slot = child.worker.tmp
        while (report := slot.read_report()) is not None:
            if report.kind == "ready":
                self.children.update(children.Ready(pid, clock.monotonic()))
                child.rss = child.rss_at_first = procfs.resident_bytes(pid)
                self._check_limit(child)
                if child.generation == self._trial.generation:
                    self._trial.ready(pid)
            elif report.kind == "failed":
                self.children.update(children.Failed(pid, report.text, report.exit_status))
            elif report.kind == "leaving":
                self.children.update(children.Left(pid))
            elif report.kind == "replace":
                self.children.update(children.ReplaceAsked(pid, "max_requests"))
            elif report.kind == "reopened":
                self._reopening.confirmed(pid)
        if slot.ended:
            self._unwatch(slot)  # always readable from now on, and never with news

    def _check_limit(self, child: children.Child) -> None:
        """Say, once a generation, that a limit on memory cannot be kept by any worker."""
        figures = _figures(child, clock.monotonic())
        if limits.is_limit_too_low(figures) and self._limit_doubted != child.generation:
            self._limit_doubted = child.generation
            self.log.warning(
                "max_worker_rss (%s) is ignored: a new worker has %s in memory",
                limits.mebibytes(figures.max_rss),
                limits.mebibytes(figures.rss_at_first or 0),
            )

    def _unwatch(self, slot: Any) -> None:
        try:
            self._selector.unregister(slot)
        except (KeyError, ValueError):
            pass  # at its end before

    # -- watching ----------------------------------------------------------------------------------

    def murder_workers(self) -> None:
        """Abort, then kill, the workers that are silent or that do not go."""
        now = clock.monotonic()
        self._watchdog.turn(now)
        for verdict in self._watchdog.judge(now, map(_pulse, self._judged())):
            child = self.children.get(verdict.pid)
            if child is None:
                continue
            if verdict.judgement is watchdog.Judgement.ABORT:
                self._abort(child, verdict, now)
            else:
                self.kill_worker(child.pid, signal.SIGKILL)
        for child in self.children:
            if child.retire_deadline is not None and now >= child.retire_deadline:
                self._kill_late(child, now)
            elif child.has_nothing_to_finish and now >= child.told_at + REPEAT_SECONDS:
                # A signal just before a system call is noticed by Python after it, and what its
                # handler raises may be dropped: see LeaveNow.
                child.told_at = now
                self.kill_worker(child.pid, child.told_by)

    def _judged(self) -> list[children.Child]:
        # One that is told to finish has its own deadline and need not beat.
        judged = [child for child in self.children if child.state is not children.State.RETIRING]
        for child in judged:
            # Its time begins when it runs again, not when it was last seen running.
            if child.stopped_at is not None and procfs.is_stopped(child.pid):
                child.stopped_at = clock.monotonic()
        return judged

    def _abort(self, child: children.Child, verdict: watchdog.Verdict, now: float) -> None:
        """Have a silent worker say where it is, and end; one that somebody holds is let be."""
        if procfs.is_stopped(child.pid):
            if child.stopped_at is None:
                self.log.warning(
                    "worker pid=%d age=%d is stopped (SIGSTOP, or a debugger): not a timeout",
                    child.pid,
                    child.age,
                )
            child.stopped_at = now
            return
        child.was_doing = deaths.occupation(child, child.worker.tmp.current_request())
        self.log.critical("WORKER TIMEOUT (pid:%s)", child.pid)
        self.log.error(
            "worker pid=%d age=%d: %s after %.1f seconds, %s; its threads:",
            child.pid,
            child.age,
            verdict.reason,
            verdict.seconds,
            child.was_doing,
        )
        self.children.update(children.Aborted(child.pid, now, verdict.reason))
        self.kill_worker(child.pid, signal.SIGABRT)

    def _kill_late(self, child: children.Child, now: float) -> None:
        if child.state is not children.State.KILLED:
            self.log.warning("Worker graceful timeout (pid:%s)", child.pid)
            self.children.update(children.Aborted(child.pid, now, "graceful timeout"))
        child.retire_deadline = None
        self.kill_worker(child.pid, signal.SIGKILL)

    # -- the number of them ------------------------------------------------------------------------

    def manage_workers(self) -> None:
        """Bring the present generation to the wanted number; the oldest go first."""
        if self.phase is not phases.Phase.RUNNING:
            return  # on trial, a worker lost is a verdict and not a vacancy
        now = clock.monotonic()
        self._watch_crash_loop(now)
        self._watch_limits(now)
        serving = self.children.serving(self.generation)
        if len(serving) < self.num_workers and not self._backoff.seconds_left(now):
            self.spawn_workers()
        for child in serving[: max(0, len(serving) - self.num_workers)]:
            self.children.update(children.ReplaceAsked(child.pid, "fewer workers"))
        # Make before break: who is to go goes when enough of the others take requests.
        if len(self.children.ready(self.generation)) >= self.num_workers:
            for child in self.children.leaving():
                self.retire(child, child.leaves_for)

    def _watch_limits(self, now: float) -> None:
        """Look at memory and age now and then, and have one worker replaced at a time."""
        if not self.scoreboard.is_due(now):
            return
        self.scoreboard.sample(now)
        self._oom.look(now)
        ready = self.children.ready(self.generation)
        if len(ready) < self.num_workers or self.children.leaving():
            return
        overrun = limits.first_over(_figures(child, now) for child in ready)
        if overrun is not None:
            age = next(child.age for child in ready if child.pid == overrun.pid)
            self.log.info("worker pid=%d age=%d %s: replacing it", overrun.pid, age, overrun.text)
            self.children.update(children.ReplaceAsked(overrun.pid, overrun.setting))

    def _watch_crash_loop(self, now: float) -> None:
        if not self._backoff.is_active or self._backoff.seconds_left(now):
            return
        steady = now - backoff.STEADY_SECONDS
        ready = self.children.ready(self.generation)
        if (
            len(ready) >= self.num_workers
            and all(child.ready_at is not None and child.ready_at < steady for child in ready)
            and self._backoff.stayed_up()
        ):
            self.log.info("workers stay up again")

    def retire(self, child: children.Child, reason: str) -> None:
        """Let a worker finish its requests and go; it is killed after ``graceful_timeout``."""
        deadline = clock.monotonic() + getattr(child.worker.cfg, "graceful_timeout", 30)
        self.send_away(child, signal.SIGTERM, deadline, reason)

    def send_away(self, child: children.Child, signum: int, deadline: float, reason: str) -> None:
        """Tell a worker to go by ``signum``, and kill it at ``deadline``."""
        now = clock.monotonic()
        self.children.update(children.Retired(child.pid, deadline, reason, signum, now))
        self.kill_worker(child.pid, signum)

    def retire_before(self, number: int) -> None:
        """Retire the workers of all generations before ``number``."""
        for child in self.children.older(number):
            self.retire(child, "reload")

    def withdraw(self, number: int) -> None:
        """Retire the workers of a generation that is not to be; the present one is to be full."""
        is_short = len(self.children.serving(self.generation)) < self.num_workers
        for child in self.children.staying(number):
            # Some took requests already, so even these finish what they have begun; and where old
            # ones have gone (a rolling reload), until there are as many again.
            if is_short and child.ready_at is not None:
                self.children.update(children.ReplaceAsked(child.pid, "failed reload"))
            else:
                self.retire(child, "failed reload")

    # -- signals to them ---------------------------------------------------------------------------

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send ``sig`` to a worker; one that is gone without our having reaped it is forgotten."""
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            child = self.children.update(children.Reaped(pid))
            if child is not None:
                self._lay_out(child, "it was reaped by somebody else")
                self._call_hook("worker_exit", child.worker)

    def kill_workers(self, sig: int) -> None:
        """Send ``sig`` to every worker."""
        for child in self.children:
            self.kill_worker(child.pid, sig)


def _figures(child: children.Child, now: float) -> limits.Figures:
    cfg = child.worker.cfg
    return limits.Figures(
        pid=child.pid,
        age=now - (child.ready_at or now),
        rss=child.rss,
        rss_at_first=child.rss_at_first,
        max_age=getattr(cfg, "max_worker_age", 0),
        max_rss=getattr(cfg, "max_worker_rss", 0),
    )


def _pulse(child: children.Child) -> watchdog.Pulse:
    cfg = child.worker.cfg
    return watchdog.Pulse(
        pid=child.pid,
        is_ready=child.ready_at is not None,
        spawned_at=max(child.spawned_at, child.stopped_at or 0.0),
        beat_at=max(child.worker.tmp.last_update(), child.stopped_at or 0.0),
        aborted_at=child.aborted_at,
        timeout=cfg.timeout,
        boot_timeout=getattr(cfg, "boot_timeout", 60),
    )
