"""Moving running sites to the server, and the Python, that lie on disk now.

``gunicornctl upgrade`` is what the package calls after it was upgraded or downgraded, and when the
Python under it changed. First every running site is checked, before any is touched: its own master
tries the new program, as the site's user and in the site's sandbox. Then those that passed are
moved, a few at a time: the new master starts beside the old one, on the same sockets, and only when
it serves is the old one told to finish (docs/upgrade.rst). A site that does not pass, or whose new
master does not come up, stays on the process it has and is listed.

Everything goes through the control sockets, so it is the same with systemd and without.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gunicorn.sites import survey, talk
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import read_fleet
from gunicorn.sites.status import columns
from gunicorn.sites.talk import Question, TalkError
from gunicorn.sites.verbs import no_site

#: seconds for loading an application: longer than any ``boot_timeout`` that makes sense
_BOOT_PATIENCE = 600.0
#: seconds for an answer that a master gives at once, and for a service manager to take notice
_PATIENCE = 15.0
_LOOK_AGAIN = 0.1

MOVED, KEPT = "moved", "kept old"


@dataclass(frozen=True)
class Verdict:
    """What became of one site."""

    site: str
    verdict: str
    detail: str = ""


def upgrade(context: Context, options: argparse.Namespace) -> int:
    """Check all running sites with the program on disk, move those that pass, list the rest."""
    units = survey.look_at_units(
        context, read_fleet(context.paths, context.rules), set(options.sites)
    )
    running = sorted(name for name, unit in units.items() if unit.active in ("active", "reloading"))
    idle = sorted(set(options.sites) - set(running))
    for name in idle:
        context.say(f"site {name} is not running" if name in units else no_site(context, name))
    if not running:
        return Status.NOT_RUNNING if idle else Status.DONE
    verdicts = _check(context, running)
    passed = [name for name in running if name not in verdicts]
    at_once = os.cpu_count() or 1
    for first in range(0, len(passed), at_once):
        verdicts |= _Move(context, passed[first : first + at_once]).run()
    found = [verdicts[name] for name in running]
    rows = [(one.site, one.verdict, one.detail) for one in found]
    context.show(columns(("SITE", "UPGRADE", "REASON"), rows, context.has_colour))
    kept = [one.site for one in found if one.verdict != MOVED]
    if kept:
        context.say(
            "these sites serve on with the process they had, which must not be restarted before "
            f"they are mended; then: gunicornctl upgrade {' '.join(kept)}"
        )
    return Status.FAILED if kept or idle else Status.DONE


def _check(context: Context, names: list[str]) -> dict[str, Verdict]:
    """Have each master try the new program; a verdict for those that must not move."""
    asked = survey.questions(context, names, {"command": "check"})
    answers = talk.ask_all(asked, _BOOT_PATIENCE, at_once=os.cpu_count() or 1)
    found = {}
    for name in names:
        reason = _reason(answers.get(name))
        if reason is not None:
            found[name] = Verdict(name, KEPT, reason)
    return found


def _reason(answer: dict[str, object] | TalkError | None) -> str | None:
    """Say why an answer is no consent; None when it is."""
    if answer is None:
        return "its run directory is gone"
    if isinstance(answer, TalkError):
        return str(answer)
    if answer.get("ok") is True:
        return None
    return str(answer.get("error") or "no reason")


class _Move:
    """A few sites, moved together."""

    def __init__(self, context: Context, names: list[str]) -> None:
        self.context = context
        self.names = names
        self.verdicts: dict[str, Verdict] = {}
        #: the new master of each site that has one
        self.pids: dict[str, int] = {}

    def run(self) -> dict[str, Verdict]:
        """Start the new masters, let the old ones go, make sure that it is known."""
        for name, answer in self._ask(self.names, {"command": "upgrade"}).items():
            reason = _reason(answer)
            pid = None if isinstance(answer, TalkError) else answer.get("pid")
            if reason is None and isinstance(pid, int):
                self.pids[name] = pid
            else:
                self._keep(name, reason or "its answer has no pid")
        self._until(self._serve, _BOOT_PATIENCE)
        late = self._undecided()
        self._ask(late, {"command": "stop", "graceful": False})  # of the new master, by its name
        for name in late:
            self._keep(name, f"the new master did not serve within {_BOOT_PATIENCE:g} s")
        return self.verdicts

    def _undecided(self) -> list[str]:
        return [name for name in self.names if name not in self.verdicts]

    def _keep(self, name: str, reason: str) -> None:
        self.verdicts[name] = Verdict(name, KEPT, reason)

    def _ask(
        self, names: Iterable[str], request: dict[str, object], suffix: str = ""
    ) -> dict[str, dict[str, object] | TalkError]:
        asked: list[Question] = survey.questions(self.context, names, request)
        return talk.ask_all([replace(one, path=one.path + suffix) for one in asked], _PATIENCE)

    def _until(self, is_done: Callable[[], bool], patience: float) -> None:
        deadline = time.monotonic() + patience
        while not is_done() and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN)

    def _serve(self) -> bool:
        """Look who answers by the site's name; whether all is decided."""
        ready = []
        for name, answer in self._ask(self._undecided(), {"command": "status"}).items():
            if isinstance(answer, TalkError):
                continue  # between two names: nobody has the plain one for a moment
            if answer.get("pid") != self.pids[name]:
                self._keep(name, f"the new master ended: gunicornctl logs {name}")
            elif answer.get("phase") == "running":
                ready.append(name)
        if ready:
            self._hand_over(ready)
        return not self._undecided()

    def _hand_over(self, names: list[str]) -> None:
        """Tell the old masters to finish; they announce their successors as they go."""
        answers = self._ask(names, {"command": "stop", "graceful": True}, suffix=".oldbin")
        for name in names:
            reason = _reason(answers.get(name))
            detail = "" if reason is None else f"the old master {reason}"
            self.verdicts[name] = Verdict(name, MOVED, detail)

        def is_known() -> bool:
            units = survey.look_at_units(self.context, {}, set(names))
            return all(name in units and units[name].pid == self.pids[name] for name in names)

        self._until(is_known, _PATIENCE)
