from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from gunicorn.sites import account as accounts
from gunicorn.sites import execute, launch
from gunicorn.sites.account import Account
from gunicorn.sites.site import SiteError
from tests.sites.conftest import GOOD, Machine

SHOP = Account("shop", 1001, 1002, "/srv/shop", "/bin/sh", (1002,), 33)
MANAGERS = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": "/run/systemd/notify", "LANG": "de_DE.UTF-8"}


def test_the_command_of_a_plain_site(machine: Machine) -> None:
    command = execute.command_of(machine.site(GOOD + '[env]\nA = "1"\n'), SHOP, MANAGERS)
    assert command.arguments == [command.program, execute.LAUNCHER, "--site", "shop"]
    assert command.environment == {
        **MANAGERS,
        "HOME": "/srv/shop",
        "USER": "shop",
        "LOGNAME": "shop",
        "SHELL": "/bin/sh",
        "A": "1",
    }


def test_the_sites_variables_win(machine: Machine) -> None:
    site = machine.site(GOOD + '[env]\nPATH = "/only"\nHOME = "/elsewhere"\n')
    environment = execute.command_of(site, SHOP, MANAGERS).environment
    assert (environment["PATH"], environment["HOME"]) == ("/only", "/elsewhere")


def test_a_virtualenv_is_entered(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    command = execute.command_of(machine.site(GOOD + f'python = "{tmp_path}/venv"\n'), SHOP, {})
    assert command.program == f"{tmp_path}/venv/bin/python"
    assert command.environment["VIRTUAL_ENV"] == f"{tmp_path}/venv"
    assert command.environment["PATH"].startswith(f"{tmp_path}/venv/bin:")


def test_what_cannot_be_reached_is_named_with_its_line(machine: Machine) -> None:
    site = machine.site(GOOD + 'python = "/nowhere/venv"\nchdir = "/nowhere"\n')
    with pytest.raises(SiteError) as caught:
        execute.check_reachable(site, execute.command_of(site, SHOP, {}))
    assert caught.value.problems == [
        f"{site.path}:3: python: /nowhere/venv does not exist (as user shop)",
        f"{site.path}:4: chdir: /nowhere does not exist (as user shop)",
    ]


def test_a_unit_older_than_its_site_file_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write("shop.conf", GOOD)
    other = Account("shop", os.geteuid() + 1, os.getegid(), "/", "/bin/sh", (), 33)
    monkeypatch.setattr(accounts, "account_of", lambda site: other)
    with pytest.raises(SiteError, match="gunicornctl sync, then gunicornctl restart shop"):
        execute.execute("shop", machine.paths, machine.rules)


def test_accounts_that_do_not_exist_or_are_root(machine: Machine) -> None:
    site = machine.site('app = "a:b"\nuser = "no-such-user"\n')
    with pytest.raises(SiteError, match=r"shop.conf:2: user: there is no user 'no-such-user'"):
        accounts.account_of(site)
    site = machine.site('app = "a:b"\nuser = "nobody"\ngroup = "no-such-group"\n')
    with pytest.raises(SiteError, match=r"shop.conf:3: group: there is no group"):
        accounts.account_of(site)


def test_the_launcher_needs_no_gunicorn_in_the_virtualenv(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run(
        [python, execute.LAUNCHER, "--site", "no-such-site-here"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={},
    )
    assert done.returncode == 78, done.stderr
    assert "no-such-site-here.conf: there is no such site file" in done.stderr


def test_the_launcher_brings_in_one_package_and_no_neighbours(tmp_path: Path) -> None:
    neighbours = tmp_path / "dist-packages"
    package = neighbours / "thing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("value = 5\n")
    (neighbours / "neighbour.py").write_text("")
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if p]\n"
        "from importlib.util import spec_from_file_location, module_from_spec\n"
        f"spec = spec_from_file_location('launch', {launch.__file__!r})\n"
        "launch = module_from_spec(spec); spec.loader.exec_module(launch)\n"
        f"launch.bring_in('thing', {str(package)!r})\n"
        "from thing.part import value\n"
        "import importlib.util\n"
        "assert importlib.util.find_spec('neighbour') is None\n"
        "assert importlib.util.find_spec('trust') is None\n"
        "print(value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("5\n", "")
