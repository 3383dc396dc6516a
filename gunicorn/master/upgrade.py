"""USR2: the master executes its own program anew, and both serve until one of them is stopped.

The old master keeps its workers and moves its pid file and control socket to ``NAME.oldbin``; the
new one is its child, finds the listening sockets by the addresses they are bound to, and takes the
plain names. Stop the old one (TERM) and the new one takes over; stop the new one, or let it fail,
and the old one is the master as before. Nothing either of them does may hurt the other: a Unix
path is deleted by whoever is left alone, and systemd is told of the new main process by the old
one, as late as possible, at its own stop: announced earlier, stopping the new one would be the end
of the service.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

from gunicorn import sock
from gunicorn.errors import ExitStatus
from gunicorn.master import children, inheritance, reloads
from gunicorn.master.phases import SIGNALS, Phase
from gunicorn.system import daemonize, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["Upgrades"]


class Upgrades(reloads.Reloads):
    """What of the master has to do with those before and after it."""

    #: what was executed to start us: the interpreter under 0, its arguments, the directory
    START_CTX: dict[Any, Any] = {}
    LISTENERS: list[sock.BaseSocket]

    #: the new master, our child, while it lives; 0: there is none
    reexec_pid = 0
    master_name = "Master"

    def note_start(self) -> None:
        """Remember how the program was started; call it before anything changes directory."""
        # sys.orig_argv and not sys.argv: "python -m gunicorn" and the launcher of a site are only
        # found again by what the interpreter itself was given.
        cwd = getattr(self.app, "start_dir", None) or os.getcwd()  # noqa: PTH109 -- text
        self.START_CTX.update({"args": sys.orig_argv[1:], "cwd": cwd, 0: sys.executable})

    @property
    def is_alone(self) -> bool:
        """Whether no other master serves the same sockets."""
        return not self.reexec_pid and not self._has_former()

    def _has_former(self) -> bool:
        former = self.inheritance.former_pid
        return bool(former) and os.getppid() == former

    def reexec(self) -> str | None:
        """Start the successor, unless there are two masters already; None, or why not."""
        if not self.is_alone:
            other = self.reexec_pid or self.inheritance.former_pid
            refusal = f"there is another master already (pid:{other})"
            self.log.warning("USR2 ignored: %s", refusal)
            return refusal
        self._step_aside()
        try:
            with signals.blocked():
                pid = os.fork()
                if pid == 0:
                    self._be_successor()
        except OSError as exc:
            refusal = f"cannot start another master: {exc.strerror}"
            self.log.error(refusal)
            self._step_back()
            return refusal
        self.reexec_pid = pid
        self.log.info("Another master is starting (pid:%s)", pid)
        return None

    def _step_aside(self) -> None:
        """Leave our names to the successor."""
        self.master_name, self._name_suffix = "Old Master", ".oldbin"
        self._adopt_names()

    def _step_back(self) -> None:
        self.master_name, self._name_suffix = "Master", ""
        self._adopt_names()

    def _be_successor(self) -> NoReturn:
        """In the child: become the program that we were once started as."""
        try:
            signal.set_wakeup_fd(-1)
            signals.reset({*SIGNALS, signal.SIGCHLD})
            daemonize.forget_launcher()
            self._prepare_environment()
            os.chdir(self.START_CTX["cwd"])
            self.cfg.pre_exec(self)
            for listener in self.LISTENERS:
                os.set_inheritable(listener.fileno(), True)
            program = self.START_CTX[0]
            # A mask is inherited by what is executed: it would be deaf.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execve(program, [program, *self.START_CTX["args"]], os.environ)
        except BaseException:
            self.log.error("cannot execute another master:\n%s", traceback.format_exc())
        os._exit(ExitStatus.UNEXPECTED)

    def _prepare_environment(self) -> None:
        """Put back what we took out of the environment, and say what we leave."""
        self.app.set_environment({})
        os.environ.update(self._notifier.variables())
        os.environ.update(inheritance.variables_for(self.LISTENERS, self.pid))

    def send_away(self, child: children.Child, signum: int, deadline: float, reason: str) -> None:
        """Tell a worker to go; without haste where the successor serves meanwhile."""
        if self.reexec_pid:
            child.worker.tmp.mark_succeeded()
        super().send_away(child, signum, deadline, reason)

    # -- how it goes on ----------------------------------------------------------------------------

    def _bury_other(self, pid: int, status: int) -> None:
        """Go back to being the only master when the successor has ended."""
        if pid != self.reexec_pid:
            super()._bury_other(pid, status)
            return
        self.reexec_pid = 0
        code = os.waitstatus_to_exitcode(status)
        how = f"exited with code {code}" if code >= 0 else f"was sent {_name(-code)}"
        level = "info" if code == 0 else "error"
        if self.phase is not Phase.STOPPING:
            self._step_back()
        self.log.log(level, "The new master (pid:%s) %s; this one goes on", pid, how)

    def _watch_former(self) -> None:
        """Take over when the master that started us has gone."""
        former = self.inheritance.former_pid
        if not former or self._has_former():
            return
        self.log.info("The former master (pid:%s) has gone, this one takes over", former)
        self.inheritance.take_over(self.LISTENERS)
        if self.phase is Phase.RUNNING:
            # The service manager did not listen to us before.
            self._now_running()

    def _announce_stop(self) -> None:
        """Tell the service manager that we leave: for good, or to the one that stays."""
        if self.reexec_pid:
            self._notifier.send(f"MAINPID={self.reexec_pid}")
        elif not self._has_former():
            self._notifier.send("STOPPING=1\nSTATUS=stopping")

    def _pass_on(self, signum: int) -> None:
        """Send a signal that was meant for the server to the former master as well."""
        if self._has_former():
            try:
                os.kill(self.inheritance.former_pid, signum)
            except OSError as exc:
                self.log.warning("cannot signal the former master: %s", exc.strerror)


def _name(signum: int) -> str:
    return f"SIG{signals.name_of(signum).upper()}"
