"""How the master goes from one configuration to the next, and what it is known by meanwhile.

The part of the ``Arbiter`` between its workers (``crew``) and its loop. A reload itself is a
``generation.Turnover``; here it is begun, given its verdict, and told to whoever asked and to the
service manager.
"""

from __future__ import annotations

import os
import signal

import gunicorn
from gunicorn import sock
from gunicorn.errors import ConfigError, ExitStatus
from gunicorn.master import generation, inheritance, nursery, phases
from gunicorn.master.phases import Phase
from gunicorn.pidfile import Pidfile
from gunicorn.system import clock, daemonize, notify, proctitle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.master import control

__all__ = ["Reloads"]

#: how long old workers may take to stop accepting before a reload is called done all the same
VERDICT_SECONDS = 1.0
#: the least time between two status lines that differ only in who is busy
STATUS_SECONDS = 5.0


class Reloads(nursery.Nursery):
    """What of the master has to do with changing its configuration."""

    SIG_QUEUE: list[int]
    proc_name: str
    started_at: float
    pidfile: Pidfile | None = None
    master_name: str

    def __init__(self) -> None:
        super().__init__()
        self._control: control.ControlSocket | None = None
        self._turnover: generation.Turnover | None = None
        self._reload_askers: list[generation.Asker] = []
        #: listeners that go with the old generation, while the new one is on trial
        self.parting: list[sock.BaseSocket] = []
        self._verdict_deadline = 0.0
        self._notifier = notify.Notifier.take_from(os.environ)
        self.inheritance = inheritance.Inheritance(os.environ, self._notifier)
        self._crew_told = self._status_told = ""
        self._next_status = 0.0
        #: what our pid file and control socket are called besides their names in the settings
        self._name_suffix = ""

    def wakeup(self) -> None:
        """End the present wait of the loop."""
        raise NotImplementedError

    def open_control(self) -> None:
        """Have the control socket that the configuration names. Raises ConfigError."""
        raise NotImplementedError

    def adopt(self, cfg: Any, log: Any) -> None:
        """Put a configuration in force from now on; running workers keep theirs."""
        worker_class = cfg.worker_class
        self.cfg, self.log, self.worker_class = cfg, log, worker_class
        self.debug = cfg.debug
        self.timeout = cfg.timeout
        self.proc_name = cfg.proc_name
        self.num_workers = cfg.workers

    def announce(self) -> None:
        """Log what starts, and what its configuration has to say unless standard error has it."""
        self.log.info("Starting gunicorn %s", gunicorn.__version__)
        if not getattr(self.log, "writes_to_stderr", lambda: False)():
            for warning in self.cfg.warnings:
                self.log.warning("%s", warning)

    def ask_reload(self, asker: generation.Asker) -> None:
        """Reload, and let ``asker`` know how it ended."""
        self._reload_askers.append(asker)
        phases.admit(self.SIG_QUEUE, [signal.SIGHUP])
        self.wakeup()

    def reload(self) -> None:
        """Begin a reload; its verdict comes with the reports of the new workers."""
        self._notifier.send(
            f"RELOADING=1\nMONOTONIC_USEC={clock.monotonic_usec()}\nSTATUS=reloading"
        )
        turnover = generation.Turnover(self, self._take_askers())
        error = turnover.begin()
        if error is not None:
            turnover.fail(error)
            self._now_running()
            return
        assert turnover.trial is not None
        self._turnover, self._trial = turnover, turnover.trial
        self.phase = Phase.RELOADING

    def _forget(self) -> None:
        super()._forget()
        # A socket listens as long as anybody has it open: who connected would wait for ever.
        for listener in self.parting:
            listener.close()

    def _take_askers(self) -> list[generation.Asker]:
        askers, self._reload_askers = self._reload_askers, []
        return askers

    def _settle(self) -> None:
        """Act on the verdict of the trial, once there is one."""
        outcome = self._trial.outcome
        if outcome is generation.Outcome.PENDING:
            if self.phase is Phase.RELOADING:
                self.roll()
            return
        if self.phase is Phase.STARTING:
            # Failure has halted the server where it was reaped.
            self._now_running()
            daemonize.tell_launcher(ExitStatus.OK)
        elif self.phase is Phase.RELOADING and self._turnover is not None:
            turnover = self._turnover
            if outcome is generation.Outcome.FAILED and not turnover.is_proven:
                cause = self._trial.cause
                turnover.fail(generation.ReloadError(generation.last_line(cause), cause))
            elif not self._has_turned_over(turnover):
                return
            self._turnover = None
            self._now_running()

    def _has_turned_over(self, turnover: generation.Turnover) -> bool:
        """Retire the old generation; say whether the new one is alone at the listeners."""
        now = clock.monotonic()
        if not turnover.is_proven:
            turnover.succeed()
            self._adopt_names()
            self._verdict_deadline = now + VERDICT_SECONDS
        # Not every worker class says when it has stopped to accept, and a busy one says it late.
        if now < self._verdict_deadline and not self.children.are_gone_before(self.generation):
            return False
        turnover.finish()
        return True

    def _now_running(self) -> None:
        self.phase = Phase.RUNNING
        self._notifier.send("READY=1")
        self._crew_told = ""

    def _tell_status(self, now: float) -> None:
        """Tell the service manager, for people, how many workers are ready and what they do."""
        ready = len(self.children.ready(self.generation))
        crew = f"generation {self.generation}: {ready} of {self.num_workers} workers ready"
        status = f"{crew}, {self.scoreboard.load()}"
        if crew != self._crew_told:
            self._crew_told = crew
            self.log.debug("%d workers", ready)
            if self.cfg.statsd_host:
                self.log.figure("gunicorn.workers", ready)
        elif status == self._status_told or now < self._next_status:
            return  # who is busy changes all the time
        self._status_told = status
        self._next_status = now + STATUS_SECONDS
        self._notifier.send(f"STATUS={status}")

    def _adopt_names(self) -> None:
        """Follow the configuration where the file system and ``ps`` know us by name."""
        proctitle.set_title(f"{self.master_name.lower()} [{self.proc_name}]")
        pidfile = self._named(self.cfg.pidfile)
        control_socket = self._named(getattr(self.cfg, "control_socket", None))
        try:
            if pidfile and self.pidfile is None:
                self.pidfile = Pidfile(pidfile)
                self.pidfile.create(self.pid)
            elif self.pidfile is not None and pidfile != self.pidfile.fname:
                if pidfile:
                    self.pidfile.rename(pidfile)
                else:
                    self.pidfile.unlink()
                    self.pidfile = None
            if control_socket != (self._control and self._control.path):
                self.open_control()
        except ConfigError as exc:
            self.log.error("cannot follow the configuration: %s", exc)

    def _named(self, path: str | None) -> str | None:
        return f"{path}{self._name_suffix}" if path else None
