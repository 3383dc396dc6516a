"""The master: one loop that reaps, takes one signal, waits, and looks after its workers.

You need not read this to run the server; it was written to be read by those who want to know what a
signal does. ``handle_<signal>`` below is the list of them, ``master/phases.py`` says when each
applies, and the other files of ``master/`` hold what can be judged without a process at hand.

The master knows nothing of HTTP, of the application, or of what its workers do with a connection.
Third parties subclass ``Arbiter`` and override ``handle_<signal>``; hooks get it as ``server``.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable

import gunicorn
from gunicorn import sock
from gunicorn.errors import ConfigError, ExitStatus, HaltServer
from gunicorn.master import confirm, generation, phases, rehearsal
from gunicorn.master.phases import Phase
from gunicorn.pidfile import Pidfile
from gunicorn.system import clock, daemonize, proctitle, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["Arbiter"]

#: how long a turn of the loop waits when nothing happens, in seconds
TICK = 1.0
#: how long killed workers may take to vanish before the master leaves without them
LAST_SECONDS = 5.0


class Arbiter(rehearsal.Rehearsals):
    """The master of one server; ``run()`` ends with the process."""

    WORKER_BOOT_ERROR = int(ExitStatus.WORKER_BOOT)
    APP_LOAD_ERROR = int(ExitStatus.APP_LOAD)

    SIGNALS = list(phases.SIGNALS)
    SIG_NAMES = {signum: signals.name_of(signum) for signum in phases.SIGNALS}

    def __init__(self, app: Any) -> None:
        """Take the configuration of ``app`` into force. Raises ConfigError."""
        super().__init__()
        os.environ["SERVER_SOFTWARE"] = gunicorn.SERVER_SOFTWARE
        self.pid = os.getpid()
        self.started_at = time.time()
        self.phase = Phase.STARTING
        self.LISTENERS: list[sock.BaseSocket] = []
        self.SIG_QUEUE: list[int] = []
        self._num_workers: int | None = None
        self._signal_pipe: signals.SignalPipe | None = None
        self._stop_is_quick = False
        self._next_ping = 0.0
        self.setup(app)
        self.note_start()

    # -- what plugins and hooks see ----------------------------------------------------------------

    @property
    def PIPE(self) -> list[int]:  # noqa: N802 -- the public name
        """The two ends of the pipe that signals come through."""
        return list(self._signal_pipe.pair) if self._signal_pipe else []

    @property
    def num_workers(self) -> int:
        """How many workers there are to be; the ``nworkers_changed`` hook sees every assignment."""
        return self._num_workers or 0

    @num_workers.setter
    def num_workers(self, value: int) -> None:
        old, self._num_workers = self._num_workers, value
        try:
            self.cfg.nworkers_changed(self, value, old)
        except Exception:
            if old is None:
                raise  # a hook that cannot even start is the user's to mend
            self.log.exception("Exception in nworkers_changed hook")

    @property
    def address(self) -> list[sock.Address]:
        """The addresses that the configuration names."""
        found: list[sock.Address] = self.cfg.address
        return found

    def setup(self, app: Any) -> None:
        """Take the configuration of ``app`` into force for the first time."""
        self.app = app
        self.adopt(app.cfg, app.cfg.logger_class(app.cfg))
        if self.cfg.debug:
            self.log.debug("Current configuration:\n%s", self.cfg)

    def wakeup(self) -> None:
        """End the present wait of the loop."""
        if self._signal_pipe is not None:
            self._signal_pipe.poke()

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> NoReturn:
        """Start, serve until told to stop, end the process."""
        try:
            self.start()
            proctitle.set_title(f"master [{self.proc_name}]")
            self._trial = generation.Trial(self.generation, self.num_workers)
            self.spawn_generation()
            while self.phase is not Phase.STOPPING or self.children:
                self._turn()
            self._leave("", ExitStatus.OK)
        except HaltServer as exc:
            self.halt(exc.reason, exc.exit_status)
        except ConfigError as exc:
            # The caller prints the line; nothing of ours may stay behind.
            if not getattr(self.log, "writes_to_stderr", lambda: False)():
                self.log.error("%s", exc)
            self.stop(graceful=False)
            self._clean_up()
            daemonize.tell_launcher(ExitStatus.FAILURE, f"Error: {exc}")
            raise
        except Exception:
            text = traceback.format_exc()
            self.log.error("Unhandled exception in main loop:\n%s", text)
            self.halt(generation.last_line(text), ExitStatus.UNEXPECTED)

    def start(self) -> None:
        """Do everything that comes before the first fork. Raises ConfigError, HaltServer."""
        self.announce()
        self.pid = os.getpid()
        # The pid file first: a second start of the same site ends here, having touched nothing.
        if self.cfg.pidfile:
            self.pidfile = Pidfile(self.cfg.pidfile)
            self.pidfile.create(self.pid)
        self.cfg.on_starting(self)
        # Signals before sockets: whoever sees us listening may already signal us.
        self._signal_pipe = signals.SignalPipe()
        self._signal_pipe.install({*self.SIGNALS, signal.SIGCHLD})
        self._selector.register(self._signal_pipe, selectors.EVENT_READ, self._take_signals)
        if not self.LISTENERS:
            self.LISTENERS = self.inheritance.open(self.cfg, self.log, wait=self._wait_to_retry)
        self.open_control()
        self.log.debug("Arbiter booted")
        urls = ",".join(map(str, self.LISTENERS))
        self.log.info("Listening at: %s (%s)", urls, self.pid)
        self.log.info("Using worker: %s", self._worker_class_name())
        self.cfg.when_ready(self)

    def _worker_class_name(self) -> str:
        return getattr(self.cfg, "worker_class_str", None) or str(self.worker_class.__name__)

    def _wait_to_retry(self, seconds: float) -> None:
        """Wait between two attempts to bind, but not past a signal to stop."""
        deadline = clock.monotonic() + seconds
        while (left := deadline - clock.monotonic()) > 0:
            self._wait(left)
            if {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT} & set(self.SIG_QUEUE):
                raise HaltServer("stopped while waiting for an address", ExitStatus.OK)

    def _turn(self) -> None:
        """Reap, then take one signal, or with none at hand wait and look after the workers."""
        self.reap_workers()
        if self.phase is Phase.STOPPING and not self.children:
            return
        found = phases.next_signal(self.SIG_QUEUE, self.phase)
        if found is not None:
            self._dispatch(*found)
            return
        self._wait(self._patience())
        # Again, for it may be a death that ended the wait: its vacancy is filled in this turn.
        self.reap_workers()
        self.murder_workers()
        self.manage_workers()
        self._settle()
        self._report()

    def _dispatch(self, signum: int, move: phases.Move | None) -> None:
        name = signals.name_of(signum)
        handler: Callable[[], None] | None = getattr(self, f"handle_{name}", None)
        if handler is None or signum not in self.SIG_NAMES:
            self.log.info("Ignoring unknown signal: %s", signum)
        elif move is None:
            self.log.info("Ignoring signal: %s (the server is %s)", name, self.phase.value)
        else:
            self.log.info("Handling signal: %s", name)
            handler()

    def _wait(self, seconds: float) -> None:
        """Run the callbacks of what becomes ready within ``seconds``."""
        for key, _events in self._selector.select(max(0.0, seconds)):
            key.data(clock.monotonic())

    def _patience(self) -> float:
        """Give how long nothing will be due."""
        now = clock.monotonic()
        due = [child.retire_deadline for child in self.children if child.retire_deadline]
        wait = min([TICK, *(instant - now for instant in due)])
        if self._backoff.seconds_left(now):
            wait = min(wait, self._backoff.seconds_left(now))
        return wait

    def _take_signals(self, now: float) -> None:
        assert self._signal_pipe is not None
        phases.admit(self.SIG_QUEUE, self._signal_pipe.take())

    # -- signals -----------------------------------------------------------------------------------

    def handle_term(self) -> None:
        """TERM: stop gracefully; requests under way are finished."""
        self.begin_stop(graceful=True)

    def handle_int(self) -> None:
        """INT: stop quickly."""
        self.begin_stop(graceful=False)

    def handle_quit(self) -> None:
        """QUIT: stop quickly."""
        self.begin_stop(graceful=False)

    def handle_hup(self) -> None:
        """HUP: read the configuration again and serve it by new workers, if they come up."""
        self.log.info("Hang up: %s", self.master_name)
        self.reload()

    def handle_ttin(self) -> None:
        """TTIN: one worker more."""
        self.num_workers += 1
        self.manage_workers()

    def handle_ttou(self) -> None:
        """TTOU: one worker less, but never none."""
        if self.num_workers > 1:
            self.num_workers -= 1
            self.manage_workers()

    def handle_usr1(self) -> None:
        """USR1: everybody reopens the log files; the master first, for it makes the new ones."""
        self.log.reopen_files()
        self.kill_workers(signal.SIGUSR1)
        self.reopen_zygote_logs()
        self._pass_on(signal.SIGUSR1)
        # A round under way goes on: its workers have been told, and those who asked still wait.
        if self._reopening.wants_round():
            told = [child.pid for child in self.children if not child.was_told_to_go]
            self._reopening.begin(told, clock.monotonic())

    def handle_usr2(self) -> None:
        """USR2: execute the program anew beside this one."""
        self.reexec()

    def handle_winch(self) -> None:
        """WINCH: no worker any more, the listeners stay; TTIN and HUP bring workers back.

        For daemons alone: a terminal sends it to whom it runs, when its window changes size.
        """
        if self.cfg.daemon:
            self.log.info("graceful stop of workers")
            self.num_workers = 0
            self.manage_workers()
        else:
            self.log.info("SIGWINCH ignored. Not daemonized")

    # -- stopping ----------------------------------------------------------------------------------

    def begin_stop(self, graceful: bool) -> None:
        """Close the listeners and tell the workers to go; the loop ends when they have."""
        is_first = self.phase is not Phase.STOPPING
        if not is_first and (graceful or self._stop_is_quick):
            return
        self.phase = Phase.STOPPING
        self._stop_is_quick = not graceful
        if is_first:
            self._close_listeners()
            for answer in self._take_askers():
                answer(generation.ReloadError("the server is stopping"))
            if self._turnover is not None:
                self._turnover.abandon()
                self._turnover = None
        self.dismiss_zygotes()
        deadline = clock.monotonic() + self.cfg.graceful_timeout
        for child in self.children:
            self.send_away(child, signal.SIGTERM if graceful else signal.SIGQUIT, deadline, "stop")
        if is_first:
            self._announce_stop()

    def stop(self, graceful: bool = True) -> None:
        """Stop all workers, and return when they are gone or killed."""
        self.begin_stop(graceful)
        give_up = clock.monotonic() + self.cfg.graceful_timeout + LAST_SECONDS
        while self.children and clock.monotonic() < give_up:
            self._turn()

    def halt(self, reason: str = "", exit_status: int = ExitStatus.OK) -> NoReturn:
        """Stop because the master cannot go on, and end the process with ``exit_status``."""
        try:
            self.stop(graceful=exit_status == ExitStatus.OK)
        except Exception:
            # Whatever is broken, no worker may outlive its master.
            self.log.error("Unhandled exception while stopping:\n%s", traceback.format_exc())
            self.kill_workers(signal.SIGKILL)
        self._leave(reason, exit_status)

    def _leave(self, reason: str, exit_status: int) -> NoReturn:
        self.log.info("Shutting down: %s", self.master_name)
        if reason:
            self.log.info("Reason: %s", reason)
        self._clean_up()
        try:
            self.cfg.on_exit(self)
        except Exception:
            self.log.exception("Exception in on_exit hook")
        if exit_status != ExitStatus.OK:
            line = f"Error: {reason}"
            # It stays in `systemctl status` and `gunicornctl status` when the process is gone.
            self._notifier.send(f"STATUS={' '.join(line.split())}")
            # Who looks at the terminal, or at `systemctl status`, need not know of the log file.
            if not getattr(self.log, "writes_to_stderr", lambda: False)():
                print(line, file=sys.stderr)
            daemonize.tell_launcher(exit_status, line)
        signals.ignore(self.SIGNALS)
        sys.exit(exit_status)

    def _clean_up(self) -> None:
        """Remove what the master has put into the file system."""
        self.wait_zygotes()
        self._close_listeners()
        if self.is_alone:
            self.inheritance.delete_left()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self.pidfile is not None:
            self.pidfile.unlink()

    def _close_listeners(self) -> None:
        for listener in self.LISTENERS:
            self.inheritance.close(listener, is_last_owner=self.is_alone)
        self.LISTENERS = []

    # -- the control socket ------------------------------------------------------------------------

    def open_control(self) -> None:
        """Have the control socket that the configuration names. Raises ConfigError."""
        path = self._named(getattr(self.cfg, "control_socket", None))
        fresh = None
        if path:
            from gunicorn.master import commands, control  # many servers have no such socket

            # The new one first: if it cannot be had, the old one stays.
            handle, mode = commands.Commands(self).handle, self.cfg.control_socket_mode
            fresh = control.ControlSocket(path, mode, self._selector, handle)
        if self._control is not None:
            self._control.close(heir=fresh)
        self._control = fresh

    # -- reopening logs ----------------------------------------------------------------------------

    def ask_reopen(self, answer: confirm.Answer) -> None:
        """Have all log files reopened, and let ``answer`` know when everybody has."""
        if self._reopening.ask(answer):
            self.handle_usr1()

    def _forget(self) -> None:
        super()._forget()
        if self._control is not None:
            self._control.forget()
        if self._signal_pipe is not None:
            for fd in self._signal_pipe.pair:
                os.close(fd)

    # -- telling the service manager ---------------------------------------------------------------

    def _report(self) -> None:
        """Tell how things are where it has changed, and that the loop turns."""
        now = clock.monotonic()
        self._watch_former()
        self._reopening.expire(now)
        if self._reopening.wants_round():
            self.handle_usr1()
        if self._control is not None:
            self._control.tick(now)
        period = self._notifier.watchdog_period
        if period is not None and now >= self._next_ping:
            self._notifier.send("WATCHDOG=1")
            self._next_ping = now + period
        if self.phase is not Phase.STOPPING:
            self._tell_status(now)
