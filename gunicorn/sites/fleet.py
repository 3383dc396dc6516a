"""All site files of the machine, one at a time, so that a broken one is alone in its trouble."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gunicorn.sites import site as site_file
from gunicorn.sites import trust
from gunicorn.sites.document import Document
from gunicorn.sites.paths import SUFFIX, Paths, is_leftover, name_problem
from gunicorn.sites.site import Site, SiteError


@dataclass(frozen=True)
class Broken:
    """A site whose file cannot be used, and why: a line for each reason."""

    name: str
    path: Path
    problems: list[str]

    @property
    def start(self) -> str:
        """It counts as wanted: a start that fails says why, an absence says nothing."""
        return "auto"


Fleet = dict[str, Site | Broken]


def read_fleet(paths: Paths, rules: trust.Rules = trust.ROOT_ONLY) -> Fleet:
    """Every site by name, sorted. Never raises for what is in the files."""
    defaults: Document | None = None
    spoilt: list[str] = []
    try:
        defaults = site_file.read_defaults(paths, rules)
    except SiteError as error:
        # without them a site could start as another user than the administrator meant
        spoilt = error.problems
    return {name: _read_one(name, paths, rules, defaults, spoilt) for name in site_names(paths)}


def read_any(name: str, paths: Paths, rules: trust.Rules = trust.ROOT_ONLY) -> Site | Broken:
    """One site, with its complaints as data."""
    try:
        return site_file.read_site(name, paths, rules)
    except SiteError as error:
        return Broken(name, paths.site_file(name), error.problems)


def site_names(paths: Paths) -> list[str]:
    """List the names of all site files, sorted; files that are no sites are passed over."""
    return sorted(name for name in _stems(paths) if name_problem(name) is None)


def odd_files(paths: Paths) -> list[str]:
    """Give a line for each ``*.conf`` whose name keeps it from being a site."""
    return [
        f"{paths.sites / (stem + SUFFIX)}: passed over: {name_problem(stem)}"
        for stem in sorted(_stems(paths))
        if name_problem(stem)
    ]


def _stems(paths: Paths) -> list[str]:
    try:
        entries = list(paths.sites.iterdir())
    except OSError:
        return []
    return [entry.name.removesuffix(SUFFIX) for entry in entries if not is_leftover(entry.name)]


def _read_one(
    name: str, paths: Paths, rules: trust.Rules, defaults: Document | None, spoilt: list[str]
) -> Site | Broken:
    path = paths.site_file(name)
    if spoilt:
        return Broken(name, path, spoilt)
    try:
        return site_file.read_with_defaults(name, paths, defaults, rules)
    except SiteError as error:
        return Broken(name, path, error.problems)
