"""A pretend machine below ``tmp_path``: site files go in, and nothing outside is looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from gunicorn.sites import account as accounts
from gunicorn.sites import control, reach
from gunicorn.sites.account import Account
from gunicorn.sites.context import Context
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, SiteError, read_site
from gunicorn.sites.systemctl import Outcome, Runner, Systemd
from gunicorn.sites.trust import Rules

GOOD = 'app = "shop.wsgi:application"\nuser = "shop"\n'


@dataclass
class Machine:
    paths: Paths
    rules: Rules

    def write(self, name: str, text: str | bytes) -> Path:
        """Write one file of the site directory, by its whole file name."""
        path = self.paths.sites / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)
        return path

    def defaults(self, text: str) -> Path:
        self.paths.defaults.parent.mkdir(mode=0o755, exist_ok=True)
        self.paths.defaults.write_text(text)
        self.paths.defaults.chmod(0o644)
        return self.paths.defaults

    def site(self, text: str, name: str = "shop") -> Site:
        self.write(f"{name}.conf", text)
        return read_site(name, self.paths, self.rules)

    def problems(self, text: str | bytes, name: str = "shop") -> list[str]:
        """The complaints about a site file, the path before the line number left out."""
        path = self.write(f"{name}.conf", text)
        with pytest.raises(SiteError) as caught:
            read_site(name, self.paths, self.rules)
        return [line.removeprefix(f"{path}:") for line in caught.value.problems]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    paths = Paths(root)
    for directory in (paths.sites, paths.run, paths.logs):
        directory.mkdir(parents=True, mode=0o755)
    return Machine(paths, Rules(frozenset({os.getuid()}), root))


@pytest.fixture
def ctl(machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """``gunicornctl`` on the pretend machine: gives status, stdout lines and stderr lines."""
    current = Account("shop", os.geteuid(), os.getegid(), "/", "/bin/sh", (), 0)
    monkeypatch.setattr(accounts, "account_of", lambda site: current)
    monkeypatch.setattr(reach, "PROXIES", ())
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    runners: list[Runner] = [no_systemd]

    def run(*arguments: str, systemd: Runner | None = None) -> tuple[int, list[str], list[str]]:
        if systemd is not None:
            machine.paths.systemd.mkdir(parents=True, exist_ok=True)
        fake = Systemd(systemd or no_systemd)
        context = Context(machine.paths, machine.rules, fake, runners[-1])
        monkeypatch.setattr(control, "Context", lambda: context)
        status = control.main(arguments)
        written = capsys.readouterr()
        return status, written.out.splitlines(), written.err.splitlines()

    run.runs = runners.append  # type: ignore[attr-defined]
    return run


def no_systemd(command: list[str]) -> Outcome:
    raise AssertionError(f"nobody should call {command}")
