"""``gunicornctl top``: what the sites do now, again and again.

Two looks at the same record as ``list`` prints, and the difference between them. A rate is of the
workers that are there at both looks: one that ended in between takes its count along.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from gunicorn.sites import survey
from gunicorn.sites.context import Context, Status
from gunicorn.sites.status import SiteStatus, columns, format_seconds, format_size

_HEAD = (
    "SITE",
    "STATE",
    "GEN",
    "BUSY",
    "WORKERS",
    "REQ/S",
    "P50",
    "P95",
    "OLDEST",
    "MEMORY",
    "REQUEST",
)
_CLEAR = "\x1b[H\x1b[2J"


@dataclass(frozen=True)
class Sample:
    """One site at one look, with its rate since the look before."""

    status: SiteStatus
    #: requests a second
    rate: float | None


def top(context: Context, options: argparse.Namespace) -> int:
    """Show the table until interrupted; with ``--once`` one table, over one interval."""
    before, at = survey.survey(context, options.sites, weighs=True, tells=False), time.monotonic()
    while True:
        time.sleep(options.interval)
        after, now = (
            survey.survey(context, options.sites, weighs=True, tells=False),
            time.monotonic(),
        )
        samples = compare(before, after, now - at)
        before, at = after, now
        if options.json:
            context.show(to_json(samples, options.once))
        else:
            clear = _CLEAR if context.has_colour and not options.once else ""
            context.show(clear + to_table(samples, context.has_colour))
        if options.once:
            return Status.DONE


def compare(
    before: Iterable[SiteStatus], after: Iterable[SiteStatus], seconds: float
) -> list[Sample]:
    """Put two looks together, the busiest sites first."""
    earlier = {one.name: one for one in before}
    samples = []
    for one in after:
        old = earlier.get(one.name)
        rate = None
        if one.requests is not None and old is not None and old.requests is not None:
            # fewer than before: a generation was replaced, and all these are new
            new = one.requests - old.requests
            rate = max(0, new if new >= 0 else one.requests) / max(seconds, 0.001)
        samples.append(Sample(one, rate))
    return sorted(samples, key=lambda one: (-(one.rate or 0), one.status.name))


def to_json(samples: Iterable[Sample], is_only_one: bool) -> str:
    """All samples as one document; on one line when more are to follow."""
    sites = [{**asdict(one.status), "requests_per_second": one.rate} for one in samples]
    return json.dumps({"sites": sites}, indent=2 if is_only_one else None, ensure_ascii=False)


def to_table(samples: Iterable[Sample], colour: bool) -> str:
    """One line a site."""
    rows = []
    for sample in samples:
        one = sample.status
        rows.append(
            (
                one.name,
                one.state,
                _or_dash(one.generation),
                _or_dash(one.busy),
                f"{one.workers_ready}/{one.workers}" if one.workers is not None else "-",
                "-" if sample.rate is None else f"{sample.rate:.1f}",
                format_seconds(one.p50),
                format_seconds(one.p95),
                format_seconds(one.oldest),
                format_size(one.memory),
                one.request or "",
            )
        )
    return columns(_HEAD, rows, colour)


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
