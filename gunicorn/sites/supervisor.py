"""``gunicornctl run``: the sites without systemd, each under its own user, children of this.

Same site files, same directories, same masters as the units; what systemd does there is done here:
start when wanted, start again after a crash with growing patience, stop gracefully, reap, keep
apart. It runs as root in the foreground, also as PID 1 of a container, and serves nothing itself.

    TERM INT QUIT   stop all sites gracefully, then end
    HUP             read the site files again: start new sites, stop removed ones
    USR1            let all sites reopen their logs

``minder`` decides, ``desk`` listens, ``orders`` obeys, ``become`` changes the user; the loop here
only carries out.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import sys
import time
from pathlib import Path

from gunicorn.errors import ConfigError, ExitStatus
from gunicorn.sites import account as accounts
from gunicorn.sites import become, envfile, execute, fleet, prepare
from gunicorn.sites.account import Account
from gunicorn.sites.context import Context, Status
from gunicorn.sites.desk import Desk
from gunicorn.sites.execute import Command
from gunicorn.sites.fleet import Broken
from gunicorn.sites.minder import Action, Minder, State
from gunicorn.sites.orders import Orders
from gunicorn.sites.outlet import Outlet
from gunicorn.sites.site import Site, SiteError
from gunicorn.sites.talk import plain
from gunicorn.system.signals import SignalPipe, blocked

_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)

#: seconds on top of the site's own patience, as in the units
_SLACK = 15.0


#: seconds that killed orphans are given to be gone
_LAST_SECONDS = 3.0


class Supervisor:
    """All minders, and the loop that carries out what they say."""

    def __init__(self, context: Context, names: list[str]) -> None:
        self.context = context
        self.paths = context.paths
        #: the sites asked for by name; empty: all that start by themselves
        self.only = names
        self.minders: dict[str, Minder] = {}
        self.is_ending = False
        self.desk: Desk
        self.orders: Orders
        self.signals = SignalPipe()

    def run(self) -> int:
        """Run until told to stop; gives the exit status."""
        os.umask(0o022)
        self.paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = self._take_lock()
        become.adopt_orphans()
        # what was said to us is not said to the sites
        for name in become.MANAGER_VARIABLES:
            os.environ.pop(name, None)
        self.signals.install(_SIGNALS)
        self.desk = Desk(self.paths.supervisor, self.paths.notify)
        self.desk.selector.register(self.signals, selectors.EVENT_READ, self.signals)
        self.orders = Orders(self.context, self.only, self.desk, self.minders, self._do, self._end)
        try:
            self.orders.sync()
            while not self._is_done():
                self._turn()
            self._bury_orphans()
        finally:
            self.desk.flush(1.0)
            self.desk.close()
            self.signals.close()
            os.close(lock)
        return self._verdict()

    def say(self, line: str) -> None:
        """Write one line of the supervisor's log."""
        print(line, file=sys.stderr, flush=True)

    # -- the loop ----------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait for one thing to happen, and do what follows from it."""
        now = time.monotonic()
        deadlines = [one.deadline for one in self.minders.values() if one.deadline is not None]
        timeout = max(0.0, min(deadlines) - now) if deadlines else None
        orders, has_message = self.desk.wait(timeout, self.say)
        if has_message:
            self._hear()
        for signum in self.signals.take():
            self._handle(signum)
        # always, and after the messages: a master that became ready and died did become ready
        self._reap()
        for caller, order in orders:
            self.orders.obey(caller, order)
        now = time.monotonic()
        for minder in list(self.minders.values()):
            if minder.deadline is not None and minder.deadline <= now:
                self._do(minder, minder.expired(now))
        self.orders.answer_settled()

    def _is_done(self) -> bool:
        if self.is_ending:
            return all(one.pid is None for one in self.minders.values())
        # `run SITE`: when every site asked for is refused, who started us should know
        refused = [one.state is State.REFUSED for one in self.minders.values()]
        return bool(self.only) and all(refused)

    def _verdict(self) -> int:
        return Status.DONE if self.is_ending else Status.SITE

    def _handle(self, signum: int) -> None:
        if signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self._end()
        elif signum == signal.SIGHUP:
            self.orders.sync()
        elif signum == signal.SIGUSR1:
            for minder in self.minders.values():
                self._signal(minder, signal.SIGUSR1)

    def _end(self) -> None:
        self.is_ending = True
        now = time.monotonic()
        for minder in self.minders.values():
            self._do(minder, minder.stop(now))

    def _hear(self) -> None:
        """Take what masters say; a pid that is no master of ours says nothing."""
        by_pid = {minder.pid: minder for minder in self.minders.values() if minder.pid}
        for message in self.desk.messages():
            minder = by_pid.get(message.pid)
            if minder is None:
                continue
            if "STATUS" in message.values:
                minder.text = plain(message.values["STATUS"])[:200]
            successor = message.values.get("MAINPID", "")
            if successor.isdigit() and _group_of(int(successor)) == minder.group:
                minder.succeeded_by(int(successor))
            if message.values.get("READY") == "1" and minder.state is State.STARTING:
                minder.ready(time.monotonic())
                self.say(f"site {minder.name}: ready, pid {minder.pid}")

    def _reap(self) -> None:
        """Bury every child that has died: masters, and orphans that were left to us."""
        by_pid = {minder.pid: minder for minder in self.minders.values() if minder.pid}
        while True:
            try:
                # look first: as long as the master is not reaped, its number is nobody else's
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            minder = by_pid.get(found.si_pid)
            if minder is not None:
                _kill_group(minder)
            _, status = os.waitpid(found.si_pid, 0)
            if minder is not None:
                self._bury(minder, os.waitstatus_to_exitcode(status))

    def _bury_orphans(self) -> None:
        """At the end, kill and reap what masters have left to us; nobody else would."""
        deadline = time.monotonic() + _LAST_SECONDS
        while time.monotonic() < deadline:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)  # our child and not yet reaped
            self._reap()
            if not _children():
                return
            self.desk.wait(0.1, self.say)

    def _bury(self, minder: Minder, status: int) -> None:
        now = time.monotonic()
        pid, was = minder.pid, minder.state
        action = minder.exited(status, now)
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        line = f"site {minder.name}: pid {pid} ended {how}"
        if minder.state is State.WAITING and minder.deadline is not None:
            line += f", starting again in {minder.deadline - now:.0f} s"
        if was is State.STOPPING and status == 0:
            line = f"site {minder.name}: stopped"
        self.say(line)
        self._do(minder, action)

    # -- carrying out ------------------------------------------------------------------------------

    def _do(self, minder: Minder, action: Action | None) -> None:
        if action is Action.SPAWN:
            if not self.is_ending:
                self._spawn(minder)
        elif action is Action.TERM:
            self._signal(minder, signal.SIGTERM)
        elif action is Action.KILL and minder.pid is not None:
            self.say(f"site {minder.name}: pid {minder.pid} did not end in time, killing")
            _kill_group(minder)

    def _signal(self, minder: Minder, signum: int) -> None:
        if minder.pid is not None:
            os.kill(minder.pid, signum)  # our child and not yet reaped: the number is right

    def _spawn(self, minder: Minder) -> None:
        """Read the site file, make the directories, fork, become the user, execute."""
        try:
            site, account, command = self._plan(minder.name)
        except ConfigError as error:
            problems = error.problems if isinstance(error, SiteError) else [str(error)]
            for line in problems:
                self.say(line)
            minder.not_spawned(problems[0])
            return
        except OSError as error:
            minder.not_spawned(str(error))
            self.say(f"site {minder.name}: cannot be prepared: {error}")
            return
        _set_timeouts(minder, site)
        for line in become.differences(site):
            self.say(line)
        sys.stderr.flush()
        reader, writer = os.pipe()
        with blocked():
            pid = os.fork()
            if pid == 0:
                _start_in_child(site, account, command, writer)
        os.close(writer)
        self.desk.listen_to(Outlet(minder.name, reader))
        minder.spawned(pid, time.monotonic())

    def _plan(self, name: str) -> tuple[Site, Account, Command]:
        entry = fleet.read_any(name, self.paths, self.context.rules)
        if isinstance(entry, Broken):
            raise SiteError(entry.problems)
        account = accounts.account_of(entry)
        prepare.prepare_site(name, account, self.paths)
        inherited = {
            "PATH": execute.DEFAULT_PATH,
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "NOTIFY_SOCKET": str(self.paths.notify),
        }
        if "TZ" in os.environ:
            inherited["TZ"] = os.environ["TZ"]
        secrets = envfile.read(entry, self.context.rules)
        return entry, account, execute.command_of(entry, account, inherited, secrets)

    def _take_lock(self) -> int:
        """Make sure that we are the only supervisor; held until the process ends."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.paths.supervisor_lock, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise ConfigError("another gunicornctl run is at work on this machine") from None
        return fd


def _set_timeouts(minder: Minder, site: Site) -> None:
    """Be a little more patient than the site is itself."""
    graceful = int(str(site.settings.get("graceful_timeout", 30)), 0)
    boot = int(str(site.settings.get("boot_timeout", 60)), 0)
    minder.stop_timeout = graceful + _SLACK
    minder.start_timeout = boot + 2 * _SLACK if boot else None


def _children() -> list[int]:
    words = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(word) for word in words]


def _group_of(pid: int) -> int | None:
    """Tell the process group; nobody can put a process into that of another site."""
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, OverflowError):
        return None


def _kill_group(minder: Minder) -> None:
    """Kill what is left of a site: the session its master began, workers and their children.

    The master is our child and not yet reaped, so that neither number is somebody else's.
    """
    assert minder.pid is not None
    assert minder.group is not None
    try:
        os.killpg(minder.group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nobody left, or not yet in a session of its own
    try:
        os.kill(minder.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _start_in_child(site: Site, account: Account, command: Command, output: int) -> None:
    """Become the site's user and execute its master; never returns."""
    status: int = ExitStatus.FAILURE
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        # Not our own standard error: a site could write over it, or into a terminal of root's.
        os.dup2(output, 1)
        os.dup2(output, 2)
        become.become_site(account, site.limits, bool(site.privileged_ports))
        os.chdir("/")
        execute.check_reachable(site, command)
        os.execve(command.program, command.arguments, command.environment)
    except SiteError as error:
        status = ExitStatus.SITE
        for line in error.problems:
            os.write(2, f"{line}\n".encode())
    except BaseException as error:
        os.write(2, f"site {site.name}: cannot be started: {error}\n".encode())
    finally:
        os._exit(status)
