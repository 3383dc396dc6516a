"""Which accounts exist, as far as ``/etc/passwd`` and ``/etc/group`` tell; for the generator.

At early boot the account database proper (``pwd``) may ask a directory service that is not there
yet and hang the boot. Files can be read. Where ``nsswitch.conf`` names any other source, a name
that is not in the files is nobody's business here: systemd finds out when the site starts.
"""

from __future__ import annotations

from pathlib import Path

from gunicorn.sites.site import Site

#: sources that know no account of a site's beyond the files
_LOCAL = {"files", "compat", "systemd"}


class AccountFiles:
    """The names in the files below a root directory, each file read when first asked for."""

    def __init__(self, root: Path) -> None:
        self._etc = root / "etc"
        self._names: dict[str, set[str] | None] = {}

    def missing(self, site: Site) -> list[str]:
        """A line for each account of the site that certainly does not exist."""
        problems = []
        if not self._may_exist("passwd", site.user):
            problems.append(f"{site.place('user')}: user: there is no user {site.user!r}")
        if site.group and not self._may_exist("group", site.group):
            problems.append(f"{site.place('group')}: group: there is no group {site.group!r}")
        return problems

    def _may_exist(self, database: str, name: str) -> bool:
        if database not in self._names:
            self._names[database] = self._read(database)
        names = self._names[database]
        return names is None or name in names

    def _read(self, database: str) -> set[str] | None:
        """All names of a database; None when the files are not all there is."""
        try:
            sources = (self._etc / "nsswitch.conf").read_text(errors="replace")
            text = (self._etc / database).read_text(errors="replace")
        except OSError:
            return None
        for line in sources.splitlines():
            key, _, value = line.partition("#")[0].partition(":")
            if key.strip() == database and not set(value.split()) <= _LOCAL:
                return None
        return {line.partition(":")[0] for line in text.splitlines() if ":" in line}
