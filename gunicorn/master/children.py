"""The registry of workers: who they are and how far each has come.

It forks nothing, kills nothing and reads no clock; it is fed messages about what has happened and
answers questions. A process unknown to it is none of ours.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(slots=True)
class Child:
    """One worker process as the master knows it."""

    pid: int
    age: int
    generation: int
    #: the worker object of the master's side; its ``tmp`` is the shared slot
    worker: Any
    #: monotonic instants
    spawned_at: float
    ready_at: float | None = None
    retire_deadline: float | None = None
    aborted_at: float | None = None
    #: False once it has said that it takes no new connection
    accepts: bool = True
    state: State = State.STARTING
    #: why we killed it, for the log: "timeout", "graceful timeout"...
    killed_for: str = ""
    #: what it said when it could not boot
    failure: str = ""
    failure_status: int = 0

    @property
    def is_serving(self) -> bool:
        """Whether it counts towards the wanted number of workers."""
        return self.state in (State.STARTING, State.READY)

    @property
    def was_told_to_go(self) -> bool:
        """Whether its end is our doing."""
        return self.state in (State.RETIRING, State.KILLED)


@dataclass(frozen=True, slots=True)
class Spawned:
    pid: int
    age: int
    generation: int
    worker: Any
    at: float


@dataclass(frozen=True, slots=True)
class Ready:
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    pid: int
    text: str
    exit_status: int


@dataclass(frozen=True, slots=True)
class ReplaceAsked:
    pid: int


@dataclass(frozen=True, slots=True)
class Left:
    pid: int


@dataclass(frozen=True, slots=True)
class Retired:
    pid: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Aborted:
    pid: int
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Reaped:
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
            case ReplaceAsked() if child.is_serving:
                child.state = State.LEAVING
            case Left():
                child.accepts = False
            case Retired(_, deadline) if child.state is not State.KILLED:
                child.state = State.RETIRING
                child.retire_deadline = deadline
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

    def leaving(self, generation: int) -> list[Child]:
        """Give the workers of a generation that wait for a successor, oldest first."""
        return [
            child
            for child in self
            if child.generation == generation and child.state is State.LEAVING
        ]
