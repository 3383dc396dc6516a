"""Reloading all sites: a few at a time, each with a verdict, and one table of them.

A reload imports an application, which costs a processor for seconds; a hundred at once would take
the machine from the very requests that go on meanwhile. So there are as many at a time as
processors, unless told otherwise. Under systemd each is ``systemctl reload gunicorn@SITE``, so that
the unit is "reloading" while it is, and what became of it stays in the unit.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from gunicorn.sites import supervised, survey, talk
from gunicorn.sites import sync as syncing
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import read_fleet
from gunicorn.sites.paths import unit_of
from gunicorn.sites.status import columns
from gunicorn.sites.talk import NotRunningError, TalkError

#: seconds a reload may take without systemd to limit it
_PATIENCE = 600.0

OK, KEPT, FAILED = "ok", "kept old", "failed"


@dataclass(frozen=True)
class Verdict:
    """What became of one site's reload."""

    site: str
    #: ok, kept old (the new code was refused and the old goes on), failed (it does not serve)
    verdict: str
    #: None where nobody measured
    seconds: float | None
    detail: str = ""


Reload = Callable[[str], Verdict]


def reload_all(context: Context, options: argparse.Namespace) -> int:
    """Follow the site files, then reload what runs; 1 when anything did not go well."""
    jobs = getattr(options, "jobs", None) or os.cpu_count() or 1
    if context.has_systemd:
        followed, verdicts = _all_through_systemd(context, jobs)
    else:
        followed, verdicts = _all_through_sockets(context, jobs)
    survey.say_remarks(context)
    if getattr(options, "json", False):
        context.show(json.dumps({"sites": [asdict(one) for one in verdicts]}, indent=2))
    elif verdicts:
        context.show(to_table(verdicts, context.has_colour))
    did_fail = followed != Status.DONE or any(one.verdict != OK for one in verdicts)
    return Status.FAILED if did_fail else Status.DONE


def _all_through_systemd(context: Context, jobs: int) -> tuple[int, list[Verdict]]:
    started: set[str] = set()

    def say(line: str) -> None:
        context.say(line)
        if line.endswith(": started"):
            started.add(line.removeprefix("site ").removesuffix(": started"))

    followed = syncing.sync(context.paths, context.systemd, context.rules, say, tells_refused=False)
    units = context.systemd.units(read_fleet(context.paths, context.rules))
    running = {name for name, unit in units.items() if unit.active == "active"}
    # what has just been started has the new code already
    return followed, run(sorted(running - started), _through_systemd(context), jobs)


def run(names: Iterable[str], one: Reload, jobs: int) -> list[Verdict]:
    """Reload the sites, at most ``jobs`` at a time; verdicts in the order of the names."""
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    wanted = list(names)
    for name in wanted:
        todo.put(name)
    found: dict[str, Verdict] = {}

    def work() -> None:
        while True:
            try:
                name = todo.get_nowait()
            except queue.Empty:
                return
            try:
                found[name] = one(name)
            except Exception as error:  # of ours, and no reason to leave the other sites out
                found[name] = Verdict(name, FAILED, None, f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work) for _ in range(min(jobs, len(wanted)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[name] for name in wanted]


def _through_systemd(context: Context) -> Reload:
    def one(name: str) -> Verdict:
        since, began = time.time(), time.monotonic()
        outcome = context.systemd.call("reload", "--", unit_of(name))
        seconds = time.monotonic() - began
        if not outcome.status:
            return Verdict(name, OK, seconds)
        unit = context.systemd.units([name])[name]
        lines = context.systemd.journal(name, since)
        verdict = KEPT if unit.active == "active" else FAILED
        return Verdict(name, verdict, seconds, reason_of(lines) or outcome.error.strip())

    return one


def reason_of(lines: list[str]) -> str:
    """Pick the line of ``reload-site`` that says why; else the last line there is."""
    for line in lines:
        if "reload refused" in line:
            return line.partition("the old code goes on: ")[2] or line
    return lines[-1] if lines else ""


def _all_through_sockets(context: Context, jobs: int) -> tuple[int, list[Verdict]]:
    followed = supervised.by_supervisor(context, "sync", [])
    names = survey.sites_with_directory(context)
    asked = survey.questions(context, names, {"command": "reload"})
    verdicts = []
    for name, answer in talk.ask_all(asked, _PATIENCE, at_once=jobs).items():
        if isinstance(answer, NotRunningError):
            continue
        if isinstance(answer, TalkError):
            verdicts.append(Verdict(name, FAILED, None, str(answer)))
        elif answer.get("ok") is True:
            verdicts.append(Verdict(name, OK, None, f"generation {answer.get('generation')}"))
        else:
            verdicts.append(Verdict(name, KEPT, None, str(answer.get("error") or "no reason")))
    return followed, verdicts


def to_table(verdicts: Iterable[Verdict], colour: bool) -> str:
    """One line a site; a refusal has its reason in the last column."""
    rows = [
        (one.site, one.verdict, f"{one.seconds:.1f}s" if one.seconds else "-", one.detail)
        for one in verdicts
    ]
    return columns(("SITE", "RELOAD", "TOOK", "REASON"), rows, colour)
