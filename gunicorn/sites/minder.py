r"""What becomes of one site under the supervisor: states, events, and what is to be done. Pure.

It never forks, kills or looks at a clock: it is told what happened and when, and says what to do.

    state \ event    start      stop       restart    exited           deadline
    DOWN            SPAWN      -          SPAWN      -                -
    STARTING        -          TERM       TERM       back-off         KILL (boot took too long)
    UP              -          TERM       TERM       back-off         -
    STOPPING        SPAWN on exit  -      SPAWN on exit  DOWN/SPAWN   KILL
    WAITING         SPAWN      DOWN       SPAWN      -                SPAWN
    REFUSED         SPAWN      DOWN       SPAWN      -                -

Back-off doubles from one second to a minute and is forgotten after a minute of good service. A
master that ends with 78 was refused by its site file: trying again would change nothing (the unit
has the same rule: RestartPreventExitStatus=).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gunicorn.errors import ExitStatus

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
#: seconds of service after which earlier failures no longer count
GOOD_SERVICE = 60.0


class State(enum.Enum):
    """Where a site stands; the values are systemd's words for it, which ``status`` knows."""

    DOWN = "inactive"
    STARTING = "activating"
    UP = "active"
    STOPPING = "deactivating"
    WAITING = "waiting"
    REFUSED = "failed"


class Action(enum.Enum):
    """What the supervisor is to do."""

    SPAWN = "spawn"
    TERM = "term"
    KILL = "kill"


@dataclass
class Minder:
    """The supervisor's memory of one site."""

    name: str
    #: seconds that a graceful stop may take, and that booting may take (None: for ever)
    stop_timeout: float = 45.0
    start_timeout: float | None = 90.0
    state: State = State.DOWN
    pid: int | None = None
    #: the process group it began, which stays the site's when another master takes over
    group: int | None = None
    failures: int = 0
    restarts: int = 0
    exit_status: int = 0
    #: what the master, or we, last said about it
    text: str = ""
    #: monotonic instant at which ``expired`` is due
    deadline: float | None = None
    _up_since: float | None = None
    _again: bool = False

    def start(self) -> Action | None:
        """Somebody wants it to run."""
        if self.state is State.STOPPING:
            self._again = True
            return None
        if self.state in (State.STARTING, State.UP):
            return None
        self.failures = 0
        self._again = False
        return Action.SPAWN

    def stop(self, now: float) -> Action | None:
        """Somebody wants it not to run."""
        self._again = False
        if self.state in (State.STARTING, State.UP):
            self.state = State.STOPPING
            self.deadline = now + self.stop_timeout
            return Action.TERM
        if self.state in (State.WAITING, State.REFUSED):
            self.state = State.DOWN
            self.deadline = None
        return None

    def restart(self, now: float) -> Action | None:
        """Somebody wants it to run anew."""
        if self.state in (State.STARTING, State.UP, State.STOPPING):
            action = self.stop(now)
            self.failures = 0
            self._again = True
            return action
        return self.start()

    def spawned(self, pid: int, now: float) -> None:
        """Take note of a new master."""
        self.state = State.STARTING
        self.pid = self.group = pid
        self.text = ""
        self.deadline = None if self.start_timeout is None else now + self.start_timeout

    def not_spawned(self, text: str) -> None:
        """Take note that there was nothing to start: the site file is wrong."""
        self.state = State.REFUSED
        self.pid = None
        self.deadline = None
        self.exit_status = ExitStatus.SITE
        self.text = text

    def ready(self, now: float) -> None:
        """Take note that the master says its application is loaded."""
        if self.state is State.STARTING:
            self.state = State.UP
            self.deadline = None
            self._up_since = now

    def succeeded_by(self, pid: int) -> None:
        """Take note that the master hands over to another one, and then ends."""
        if self.state is State.UP:
            self.pid = pid

    def exited(self, status: int, now: float) -> Action | None:
        """Take note that the master is gone; ``status`` is ``os.waitstatus_to_exitcode``'s."""
        was, up_since = self.state, self._up_since
        self.pid, self.deadline, self._up_since = None, None, None
        self.exit_status = status
        if was is State.STOPPING:
            self.state = State.DOWN
            return Action.SPAWN if self._again else None
        if status == ExitStatus.SITE:
            self.state = State.REFUSED
            return None
        if status == 0 and was is State.UP:
            # it was told to stop by somebody else than us (kill -TERM): that is not a failure
            self.state = State.DOWN
            return None
        if up_since is not None and now - up_since >= GOOD_SERVICE:
            self.failures = 0
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2**self.failures)
        self.failures += 1
        self.state = State.WAITING
        self.deadline = now + delay
        return None

    def expired(self, now: float) -> Action | None:
        """Say what to do when ``deadline`` has passed."""
        self.deadline = None
        if self.state is State.WAITING:
            self.restarts += 1
            return Action.SPAWN
        if self.state is State.STARTING:
            self.text = "did not become ready in time"
            return Action.KILL
        return Action.KILL if self.state is State.STOPPING else None

    @property
    def is_settled(self) -> bool:
        """Whether it has become what was wanted, or will not soon."""
        return self.state not in (State.STARTING, State.STOPPING) and not (
            self.state is State.DOWN and self._again
        )
