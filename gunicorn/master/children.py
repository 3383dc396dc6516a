"""The registry of workers: who they are and how far each has come.

It forks nothing, kills nothing and reads no clock; it is fed messages about what has happened and
answers questions. A process unknown to it is none of ours.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from signal import SIGTERM

from gunicorn.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "Aborted",
    "Child",
    "Children",
    "Failed",
    "Left",
    "Message",
    "Ready",
    "Reaped",
    "ReplaceAsked",
    "Retired",
    "Spawned",
    "State",
]


class State(enum.Enum):
    """How far a worker has come; only ever downwards in this list."""

    #: forked, the application is being loaded
    STARTING = "starting"
    #: takes requests
    READY = "ready"
    #: takes requests, and is to be retired as soon as a successor does
    LEAVING = "leaving"
    #: told to finish; killed after its deadline
    RETIRING = "retiring"
    #: told to die
    KILLED = "killed"


class Child:
    """One worker process as the master knows it."""

    def __init__(self, pid: int, age: int, generation: int, worker: Any, spawned_at: float) -> None:
        self.pid = pid
        self.age = age
        self.generation = generation
        #: the worker object of the master's side; its ``tmp`` is the shared slot
        self.worker = worker
        #: monotonic instants
        self.spawned_at = spawned_at
        self.ready_at: float | None = None
        self.retire_deadline: float | None = None
        self.aborted_at: float | None = None
        #: the signal by which it was last told to go, 0 for none, and when
        self.told_by = 0
        self.told_at = 0.0
        #: False once it has said that it takes no new connection
        self.accepts = True
        self.state = State.STARTING
        #: why we want it gone, for the log: "reload", "max_requests", "stop"...
        self.leaves_for = ""
        #: why we killed it, for the log: "timeout", "graceful timeout"...
        self.killed_for = ""
        #: what it was doing when we aborted it, as part of a sentence
        self.was_doing = ""
        #: when it was last seen held by SIGSTOP or by a debugger
        self.stopped_at: float | None = None
        #: resident memory in bytes when last sampled, and when it was ready; None: unknown
        self.rss: int | None = None
        self.rss_at_first: int | None = None
        #: what it said when it could not boot
        self.failure = ""
        self.failure_status = 0

    @property
    def is_serving(self) -> bool:
        """Whether it counts towards the wanted number of workers."""
        return self.state in (State.STARTING, State.READY)

    @property
    def was_told_to_go(self) -> bool:
        """Whether its end is our doing."""
        return self.state in (State.RETIRING, State.KILLED)

    @property
    def has_nothing_to_finish(self) -> bool:
        """Whether it was told to go and has no reason to stay: no request, or no leave for it."""
        return self.state is State.RETIRING and (self.told_by != SIGTERM or self.ready_at is None)


class Spawned(NamedTuple):
    pid: int
    age: int
    generation: int
    worker: Any
    at: float


class Ready(NamedTuple):
    pid: int
    at: float


class Failed(NamedTuple):
    pid: int
    text: str
    exit_status: int


class ReplaceAsked(NamedTuple):
    """A worker is to be retired as soon as enough others are ready; ``reason`` says why."""

    pid: int
    reason: str


class Left(NamedTuple):
    pid: int


class Retired(NamedTuple):
    """A worker was told to go, by the signal ``told_by``."""

    pid: int
    deadline: float
    reason: str
    told_by: int = SIGTERM
    at: float = 0.0


class Aborted(NamedTuple):
    pid: int
    at: float
    reason: str


class Reaped(NamedTuple):
    pid: int


Message = Spawned | Ready | Failed | ReplaceAsked | Left | Retired | Aborted | Reaped


class Children:
    """All workers that have been spawned and not yet reaped, oldest first."""

    def __init__(self) -> None:
        self._by_pid: dict[int, Child] = {}

    def update(self, message: Message) -> Child | None:
        """Take note of what happened; give the child concerned, None when it is not ours."""
        match message:
            case Spawned(pid, age, generation, worker, at):
                self._by_pid[pid] = Child(pid, age, generation, worker, at)
            case Reaped(pid):
                return self._by_pid.pop(pid, None)
        child = self._by_pid.get(message.pid)
        if child is not None:
            self._change(child, message)
        return child

    def _change(self, child: Child, message: Message) -> None:
        match message:
            case Ready(_, at) if child.ready_at is None:
                child.ready_at = at
                if child.state is State.STARTING:
                    child.state = State.READY
            case Failed(_, text, status) if not child.failure:
                # The first reason is the cause; what fails while it leaves is a consequence.
                child.failure, child.failure_status = text, status
            case ReplaceAsked(_, reason) if child.is_serving:
                child.state = State.LEAVING
                child.leaves_for = reason
            case Left():
                child.accepts = False
            case Retired(_, deadline, reason, told_by, at) if child.state is not State.KILLED:
                child.state = State.RETIRING
                child.told_by, child.told_at = told_by, at
                child.retire_deadline = deadline
                child.leaves_for = child.leaves_for or reason
            case Aborted(_, at, reason):
                child.state = State.KILLED
                if child.aborted_at is None:
                    child.aborted_at, child.killed_for = at, reason

    def __len__(self) -> int:
        return len(self._by_pid)

    def __iter__(self) -> Iterator[Child]:
        return iter(sorted(self._by_pid.values(), key=lambda child: child.age))

    def get(self, pid: int) -> Child | None:
        return self._by_pid.get(pid)

    def workers(self) -> dict[int, Any]:
        """Give the worker objects by pid: the public ``server.WORKERS``."""
        return {child.pid: child.worker for child in self}

    def serving(self, generation: int) -> list[Child]:
        """Give the workers of a generation that count, oldest first."""
        return [child for child in self if child.generation == generation and child.is_serving]

    def ready(self, generation: int) -> list[Child]:
        """Give the workers of a generation that take requests and are to stay, oldest first."""
        return [child for child in self.serving(generation) if child.state is State.READY]

    def are_gone_before(self, generation: int) -> bool:
        """Say whether no worker of an earlier generation takes new connections."""
        return not any(child.accepts for child in self if child.generation < generation)

    def leaving(self) -> list[Child]:
        """Give the workers that wait for a successor, oldest first."""
        return [child for child in self if child.state is State.LEAVING]

    def staying(self, generation: int) -> list[Child]:
        """Give the workers of a generation that have not been told to go, oldest first."""
        return [
            child for child in self if child.generation == generation and not child.was_told_to_go
        ]

    def older(self, generation: int) -> list[Child]:
        """Give the workers before a generation that have not been told to go, oldest first."""
        return [
            child for child in self if child.generation < generation and not child.was_told_to_go
        ]
