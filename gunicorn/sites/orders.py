"""What root orders the supervisor to do, and when an order is answered.

``{"command": "start" | "stop" | "restart" | "sync" | "status", "sites": [...]}``; answered with
``ok``, ``messages`` and ``problems``, a line each, when every site it concerns has settled: when it
serves, is gone, or has failed. ``stop`` without sites ends the supervisor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gunicorn.sites import fleet
from gunicorn.sites.context import Context
from gunicorn.sites.desk import Caller, Desk
from gunicorn.sites.fleet import Broken
from gunicorn.sites.minder import Action, Minder, State

#: what "sync" starts again; a site that was stopped by hand is not among it
_TO_START = (State.REFUSED, State.WAITING)


@dataclass
class _Waiter:
    """A caller who is answered when the sites of its order have settled."""

    caller: Caller
    #: site -> whether it is to run in the end
    goals: dict[str, bool]
    messages: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    #: whether the answer names the sites that came up
    tells_started: bool = False


class Orders:
    """The orders under way. Decides nothing about a site: its ``Minder`` does."""

    def __init__(
        self,
        context: Context,
        only: list[str],
        desk: Desk,
        minders: dict[str, Minder],
        carry_out: Callable[[Minder, Action | None], None],
        end: Callable[[], None],
    ) -> None:
        self._context = context
        self._only = only
        self._desk = desk
        self._minders = minders
        self._do = carry_out
        self._end = end
        self._waiters: list[_Waiter] = []

    def obey(self, caller: Caller, order: dict[str, Any]) -> None:
        """Begin what is ordered."""
        verb = order.get("command")
        names = order.get("sites") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self._desk.answer(caller, {"ok": False, "problems": ["sites: a list of names"]})
        elif verb == "status":
            self._desk.answer(caller, {"ok": True, "pid": os.getpid(), "sites": self._describe()})
        elif verb == "sync":
            messages, goals = self.sync()
            waiter = _Waiter(caller, goals, messages, self._problems(), tells_started=True)
            self._waiters.append(waiter)
        elif verb == "stop" and not names:
            self._waiters.append(_Waiter(caller, dict.fromkeys(self._minders, False)))
            self._end()
        elif verb in ("start", "stop", "restart"):
            self._move(caller, verb, names or list(self._minders))
        else:
            self._desk.answer(caller, {"ok": False, "problems": [f"unknown command {verb!r}"]})

    def sync(self) -> tuple[list[str], dict[str, bool]]:
        """Start new and failed sites, stop removed and disabled ones; gives words and goals."""
        now = time.monotonic()
        found = fleet.read_fleet(self._context.paths, self._context.rules)
        messages: list[str] = []
        goals: dict[str, bool] = {}
        for name, minder in list(self._minders.items()):
            gone = name not in found
            if gone or found[name].start == "disabled":
                reason = "its site file is gone" if gone else "it is disabled"
                if minder.state is not State.DOWN:
                    messages.append(f"site {name}: stopped, {reason}")
                    goals[name] = False
                self._do(minder, minder.stop(now))
                if gone and minder.pid is None:
                    del self._minders[name]
        for name, entry in found.items():
            is_wanted = name in self._only if self._only else entry.start == "auto"
            is_new = name not in self._minders or self._minders[name].state in _TO_START
            if is_wanted and is_new and entry.start != "disabled":
                minder = self._minders.setdefault(name, Minder(name))
                self._do(minder, minder.start())
                goals[name] = True
        return messages, goals

    def answer_settled(self) -> None:
        """Answer the callers whose sites have all become what they will be."""
        for waiter in list(self._waiters):
            minders = [self._minders[name] for name in waiter.goals if name in self._minders]
            if all(one.is_settled for one in minders):
                self._waiters.remove(waiter)
                self._desk.answer(waiter.caller, _report(waiter, minders))

    def _move(self, caller: Caller, verb: str, names: list[str]) -> None:
        now = time.monotonic()
        for name in names:
            if verb == "stop":
                if name in self._minders:
                    self._do(self._minders[name], self._minders[name].stop(now))
                continue
            minder = self._minders.setdefault(name, Minder(name))
            self._do(minder, minder.start() if verb == "start" else minder.restart(now))
        self._waiters.append(_Waiter(caller, dict.fromkeys(names, verb != "stop")))

    def _describe(self) -> dict[str, dict[str, Any]]:
        """Describe all sites, in systemd's words."""
        return {
            name: {
                "active": one.state.value,
                "sub": "auto-restart" if one.state is State.WAITING else "",
                "result": "exit-code",
                "pid": one.pid,
                "exit_status": one.exit_status,
                "restarts": one.restarts,
                "text": one.text,
            }
            for name, one in self._minders.items()
        }

    def _problems(self) -> list[str]:
        found = fleet.read_fleet(self._context.paths, self._context.rules).values()
        return [line for one in found if isinstance(one, Broken) for line in one.problems]


def _report(waiter: _Waiter, minders: list[Minder]) -> dict[str, Any]:
    for one in minders:
        is_up = one.state is State.UP
        if is_up != waiter.goals[one.name]:
            # the words of a wrong site file have perhaps been said already
            if _trouble(one) not in waiter.problems:
                waiter.problems.append(f"site {one.name}: {_trouble(one)}")
        elif is_up and waiter.tells_started:
            waiter.messages.append(f"site {one.name}: started")
    return {"ok": not waiter.problems, "messages": waiter.messages, "problems": waiter.problems}


def _trouble(minder: Minder) -> str:
    if minder.text:
        return minder.text
    how = "ended by signal" if minder.exit_status < 0 else "ended with status"
    return f"{minder.state.value}, {how} {abs(minder.exit_status)}; see its error log"
