"""One record a site, behind every listing: ``list``, ``status`` and their ``--json``.

What is known comes from three sides: the site file (what should be), the service manager (what is),
and the site's own master over its control socket (how it fares). The last is a stranger's word and
only ever adds numbers. Text for people and JSON for machines print the same record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gunicorn.sites import hints
from gunicorn.sites.fleet import Broken
from gunicorn.sites.site import Site
from gunicorn.sites.systemctl import Unit

_COLOURS = {
    "ok": "32",
    "kept old": "33",
    "running": "32",
    "reloading": "33",
    "starting": "33",
    "failed": "31",
    "broken": "31",
}

#: states of systemd and of our supervisor -> ours
_STATES = {
    "active": "running",
    "activating": "starting",
    "reloading": "reloading",
    "deactivating": "stopping",
    "inactive": "stopped",
    "failed": "failed",
}


@dataclass(frozen=True)
class SiteStatus:
    """What is known of one site."""

    name: str
    #: running, starting, reloading, stopping, stopped, failed
    state: str
    #: auto, manual, disabled; "removed" when there is no site file
    start: str
    file: str
    user: str | None = None
    pid: int | None = None
    workers_ready: int | None = None
    workers: int | None = None
    requests: int | None = None
    #: workers that are inside a request now, and seconds of the longest of these requests
    busy: int | None = None
    oldest: float | None = None
    #: method and path of that request
    request: str | None = None
    #: seconds within which half and 95 of 100 requests were answered, where the master tells
    p50: float | None = None
    p95: float | None = None
    generation: int | None = None
    memory: int | None = None
    restarts: int = 0
    addresses: list[str] = field(default_factory=list)
    #: what an administrator should know, a line each; first what is wrong now
    notes: list[str] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.state in ("running", "reloading")


def make_status(
    name: str,
    entry: Site | Broken | None,
    unit: Unit,
    answer: Mapping[str, Any] | None,
    default_address: str,
    remarks: Iterable[str] = (),
) -> SiteStatus:
    """Put together what the three sides say of one site. Pure.

    :param remarks: more to be told, of what is not wrong with the site itself
    """
    state = "failed" if unit.is_failing else _STATES.get(unit.active, unit.active)
    notes: list[str] = []
    addresses: list[str] = []
    user, start, file = None, "removed", ""
    if isinstance(entry, Broken):
        notes += entry.problems
        start, file = entry.start, str(entry.path)
    elif isinstance(entry, Site):
        user, start, file = entry.user, entry.start, str(entry.path)
        bind = entry.settings.get("bind", default_address)
        addresses = [bind] if isinstance(bind, str) else list(bind)
    else:
        notes.append("its site file is gone: gunicornctl sync stops it")
    notes += _unit_notes(name, unit, state)
    notes += _stuck_notes(name, entry, answer)
    if state == "failed" and not isinstance(entry, Broken):
        advice = hints.advice(name, entry, unit.text, unit.result)
        notes += [f"to do: {advice}"] if advice else []
    notes += remarks
    workers = _workers(answer)
    return SiteStatus(
        name=name,
        state=state,
        start=start,
        file=file,
        user=user,
        pid=unit.pid if state not in ("stopped", "failed") else None,
        workers_ready=None if workers is None else sum(1 for one in workers if one.get("ready")),
        workers=None if workers is None else len(workers),
        requests=_requests(answer, workers),
        busy=None if workers is None else len(_busy(workers)),
        oldest=max(_busy(workers), default=None) if workers else None,
        request=_oldest_request(workers or []),
        p50=_seconds(answer, "p50"),
        p95=_seconds(answer, "p95"),
        generation=_count(answer.get("generation")) if answer else None,
        memory=unit.memory,
        restarts=unit.restarts,
        addresses=addresses,
        notes=notes,
    )


def _unit_notes(name: str, unit: Unit, state: str) -> list[str]:
    notes = []
    if state == "failed":
        said = f": {unit.text}" if unit.text else ""
        again = ", trying again" if unit.sub == "auto-restart" else ""
        notes.append(f"failed ({unit.result}, exit status {unit.exit_status}){again}{said}")
    if unit.reload_result != "success" and state == "running":
        notes.append(
            "the last reload was refused, the old code goes on: mend it, then gunicornctl reload "
            f"{name} shows the reason again"
        )
    if unit.is_stale:
        notes.append(f"the site file is newer than its unit: gunicornctl restart {name}")
    return notes


def _stuck_notes(
    name: str, entry: Site | Broken | None, answer: Mapping[str, Any] | None
) -> list[str]:
    """Tell of requests that have taken half of what the site gives them."""
    if not isinstance(entry, Site):
        return []
    timeout = float(str(entry.settings.get("timeout", 30)))
    return [
        f"worker pid {_count(one.get('pid'))} has been inside one request for {seconds:.0f} s of "
        f"{timeout:.0f} (timeout): gunicornctl logs {name}"
        for one in _workers(answer) or []
        if (seconds := _number(one.get("busy_seconds"))) is not None and seconds > timeout / 2 > 0
    ]


def _workers(answer: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    workers = answer.get("workers") if answer else None
    if not isinstance(workers, list):
        return None
    return [one for one in workers if isinstance(one, dict)]


def _busy(workers: list[dict[str, Any]]) -> list[float]:
    """Seconds of the requests that are being worked on."""
    return [one for each in workers if (one := _number(each.get("busy_seconds"))) is not None]


def _requests(answer: Mapping[str, Any] | None, workers: list[dict[str, Any]] | None) -> int | None:
    """Count all requests since the master started, or those of the workers there are."""
    if answer and isinstance(answer.get("requests"), int):
        return _count(answer["requests"])
    return None if workers is None else sum(_count(one.get("requests")) for one in workers)


def _oldest_request(workers: list[dict[str, Any]]) -> str | None:
    """Name the request that has taken longest."""
    found = [
        (seconds, current)
        for one in workers
        if (seconds := _number(one.get("busy_seconds"))) is not None
        and isinstance(current := one.get("request"), dict)
    ]
    if not found:
        return None
    current = max(found, key=lambda pair: pair[0])[1]
    return f"{current.get('method')} {current.get('path')}"[:120]


def _seconds(answer: Mapping[str, Any] | None, key: str) -> float | None:
    latency = answer.get("latency") if answer else None
    return _number(latency.get(key)) if isinstance(latency, dict) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


# -- for machines ----------------------------------------------------------------------------------


def to_json(statuses: Iterable[SiteStatus]) -> str:
    """All records as one JSON document."""
    return json.dumps({"sites": [asdict(one) for one in statuses]}, indent=2, ensure_ascii=False)


# -- for people ------------------------------------------------------------------------------------


def to_table(statuses: Iterable[SiteStatus], colour: bool) -> str:
    """One line a site; a site in trouble has its reason in the last column."""
    head = ("SITE", "STATE", "START", "PID", "WORKERS", "MEMORY", "USER", "ADDRESS OR TROUBLE")
    rows = [
        (
            one.name,
            one.state,
            one.start,
            str(one.pid or "-"),
            f"{one.workers_ready}/{one.workers}" if one.workers is not None else "-",
            format_size(one.memory),
            one.user or "-",
            one.notes[0] if one.notes else ", ".join(one.addresses),
        )
        for one in statuses
    ]
    return columns(head, rows, colour)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], colour: bool) -> str:
    """Write a table; the second column is a state and may have a colour."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if colour and row[1] in _COLOURS:
            cells[1] = f"\x1b[{_COLOURS[row[1]]}m{cells[1]}\x1b[0m"
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def to_text(one: SiteStatus, colour: bool) -> str:
    """Several lines about one site."""
    state = one.state
    if colour and state in _COLOURS:
        state = f"\x1b[{_COLOURS[state]}m{state}\x1b[0m"
    rows = [
        ("state", state + (f" (pid {one.pid})" if one.pid else "")),
        ("start", one.start),
        ("file", one.file or "-"),
        ("user", one.user or "-"),
        ("address", ", ".join(one.addresses) or "-"),
    ]
    if one.workers is not None:
        rows.append(("workers", f"{one.workers_ready} of {one.workers} ready"))
        rows.append(("requests", f"{one.requests}{_now(one)}"))
        if one.p50 is not None:
            half, most = format_seconds(one.p50), format_seconds(one.p95)
            rows.append(("latency", f"half within {half}, 95 of 100 within {most}"))
        rows.append(("generation", str(one.generation)))
    if one.memory is not None:
        rows.append(("memory", format_size(one.memory)))
    if one.restarts:
        rows.append(("restarts", f"{one.restarts} by themselves"))
    lines = [f"site {one.name}"]
    lines += [f"  {label + ':':12}{value}" for label, value in rows]
    lines += [f"  {'note:':12}{note}" for note in one.notes]
    return "\n".join(lines)


def _now(one: SiteStatus) -> str:
    if not one.busy or one.oldest is None:
        return ""
    what = f": {one.request}" if one.request else ""
    return f", {one.busy} now, the longest for {one.oldest:.1f} s{what}"


def format_size(count: int | None) -> str:
    """Bytes as people read them; ``-`` when unknown."""
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "K", "M", "G"):
        if size < 1024 or unit == "G":
            break
        size /= 1024
    return f"{size:.0f}{unit}" if size >= 10 or unit == "B" else f"{size:.1f}{unit}"


def format_seconds(value: float | None) -> str:
    """Seconds as people read them; ``-`` when unknown."""
    if value is None:
        return "-"
    if value >= 1:
        return f"{value:.1f}s"
    return f"{value * 1000:.0f}ms" if value >= 0.01 else f"{value * 1000:.1f}ms"
