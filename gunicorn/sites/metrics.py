"""``gunicornctl metrics``: the records of all sites as OpenMetrics text.

For the textfile collector of node_exporter: ``--output`` writes the file whole, so that a scrape in
between reads the old one. Names and units follow the OpenMetrics text format; a value that is not
known is left out rather than guessed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from gunicorn.sites import manage, survey
from gunicorn.sites.context import Context, Status
from gunicorn.sites.status import SiteStatus


class Family(NamedTuple):
    """One metric of every site."""

    name: str
    kind: str
    text: str
    value: Callable[[SiteStatus], float | None]
    unit: str = ""


FAMILIES = (
    Family("gunicorn_site_up", "gauge", "1 when the site serves.", lambda one: one.is_running),
    Family(
        "gunicorn_site_wanted",
        "gauge",
        "1 when the site is to start with the system.",
        lambda one: one.start == "auto",
    ),
    Family("gunicorn_site_workers", "gauge", "Workers there are.", lambda one: one.workers),
    Family(
        "gunicorn_site_workers_ready", "gauge", "Workers that serve.", lambda one: one.workers_ready
    ),
    Family(
        "gunicorn_site_workers_busy",
        "gauge",
        "Workers that are inside a request.",
        lambda one: one.busy,
    ),
    Family(
        "gunicorn_site_oldest_request_seconds",
        "gauge",
        "Seconds that the oldest request has taken so far.",
        lambda one: None if one.busy is None else one.oldest or 0,
        "seconds",
    ),
    Family(
        "gunicorn_site_requests",
        "counter",
        "Requests since the master started.",
        lambda one: one.requests,
    ),
    Family(
        "gunicorn_site_request_p50_seconds",
        "gauge",
        "Seconds within which half of the requests of the last ten seconds were served.",
        lambda one: one.p50,
        "seconds",
    ),
    Family(
        "gunicorn_site_request_p95_seconds",
        "gauge",
        "The same for 95 of 100 requests.",
        lambda one: one.p95,
        "seconds",
    ),
    Family(
        "gunicorn_site_generation",
        "gauge",
        "Reloads that went well, and one.",
        lambda one: one.generation,
    ),
    Family(
        "gunicorn_site_restarts",
        "counter",
        "Times the service manager started the site again by itself.",
        lambda one: one.restarts,
    ),
    Family(
        "gunicorn_site_memory_bytes",
        "gauge",
        "Memory of all processes of the site.",
        lambda one: one.memory,
        "bytes",
    ),
    Family(
        "gunicorn_site_troubles",
        "gauge",
        "Notes of gunicornctl status on the site, such as a refused reload.",
        lambda one: len(one.notes),
    ),
)


def metrics(context: Context, options: argparse.Namespace) -> int:
    """Print the metrics of all sites, or write them to a file."""
    text = to_text(survey.survey(context, weighs=True))
    if options.output is None:
        context.show(text.rstrip("\n"))
    else:
        manage.write_whole(Path(options.output).absolute(), text, 0o644)
    return Status.DONE


def to_text(found: Iterable[SiteStatus]) -> str:
    """Write all records in the OpenMetrics text format."""
    sites = list(found)
    lines = []
    for family in FAMILIES:
        lines.append(f"# TYPE {family.name} {family.kind}")
        if family.unit:
            lines.append(f"# UNIT {family.name} {family.unit}")
        lines.append(f"# HELP {family.name} {family.text}")
        suffix = "_total" if family.kind == "counter" else ""
        for one in sites:
            value = family.value(one)
            if value is not None:
                shown = repr(float(value)) if isinstance(value, float) else str(int(value))
                lines.append(f'{family.name}{suffix}{{site="{escape(one.name)}"}} {shown}')
    return "\n".join([*lines, "# EOF", ""])


def escape(value: str) -> str:
    """Write the value of a label."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
