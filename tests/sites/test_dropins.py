"""``SITE.conf.d``: more files of a site; and ``show``, which tells what they all come to."""

from __future__ import annotations

import argparse
import json

import pytest

from gunicorn.sites import fleet, keys, show, units
from gunicorn.sites.context import Context
from gunicorn.sites.site import SiteError, read_site
from tests.sites.conftest import GOOD, Machine


def dropin(machine: Machine, filename: str, text: str) -> str:
    directory = machine.paths.dropins("shop")
    directory.mkdir(mode=0o755, exist_ok=True)
    path = directory / filename
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def test_the_last_by_name_wins_key_by_key(machine: Machine) -> None:
    machine.defaults("workers = 1\ntimeout = 10\n")
    machine.write("shop.conf", GOOD + "workers = 2\n[env]\nA = '1'\nB = '1'\n")
    dropin(machine, "10-a.conf", "workers = 3\n[env]\nB = '2'\n")
    last = dropin(machine, "20-b.conf", "workers = 4\n")
    dropin(machine, "30-c.conf~", "workers = = \n")
    site = read_site("shop", machine.paths, machine.rules)
    assert site.settings == {"workers": 4, "timeout": 10}
    assert site.env == {"A": "1", "B": "2"}
    assert site.place("workers") == f"{last}:1"
    assert fleet.read_fleet(machine.paths, machine.rules)["shop"] == site


def test_a_required_key_may_come_from_anywhere(machine: Machine) -> None:
    machine.write("shop.conf", 'app = "a:b"\n')
    dropin(machine, "user.conf", 'user = "shop"\n')
    assert read_site("shop", machine.paths, machine.rules).user == "shop"


@pytest.mark.parametrize("mode", [0o666, 0o644])
def test_a_wrong_one_breaks_the_site(machine: Machine, mode: int) -> None:
    machine.write("shop.conf", GOOD)
    path = dropin(machine, "a.conf", "tiemout = 5\n")
    machine.paths.dropins("shop").joinpath("a.conf").chmod(mode)
    with pytest.raises(SiteError) as caught:
        read_site("shop", machine.paths, machine.rules)
    assert caught.value.problems[0].startswith(
        f"{path}: not used" if mode == 0o666 else f"{path}:1"
    )


def test_a_directory_that_others_may_write_breaks_the_site(machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    dropin(machine, "a.conf", "workers = 5\n")
    machine.paths.dropins("shop").chmod(0o777)
    with pytest.raises(SiteError, match="writable by everybody"):
        read_site("shop", machine.paths, machine.rules)


def test_it_is_no_site_itself(machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    dropin(machine, "a.conf", "workers = 5\n")
    assert fleet.site_names(machine.paths) == ["shop"]
    assert fleet.odd_files(machine.paths) == []


@pytest.mark.parametrize("key", keys.SANDBOX_KEYS)
def test_each_grant_changes_the_unit(machine: Machine, key: str) -> None:
    value = '"read-only"' if key == "home" else "true"
    plain = units.site_dropin(machine.site(GOOD))
    granted = units.site_dropin(machine.site(GOOD + f"[sandbox]\n{key} = {value}\n"))
    assert set(plain.splitlines()) < set(granted.splitlines())
    default = json.dumps(keys.SANDBOX_KEYS[key].default)
    assert units.site_dropin(machine.site(GOOD + f"[sandbox]\n{key} = {default}\n")) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[sandbox]\nhoem = true\n", "4: unknown grant hoem: did you mean home?"),
        ("[sandbox]\nhome = true\n", "4: sandbox.home: a quoted string is expected, not true"),
        ("[sandbox]\njit = 'yes'\n", "4: sandbox.jit: true or false is expected, not 'yes'"),
        ("[sandbox]\nworkers = 4\n",
         "4: unknown grant workers: move it above the line [sandbox]"),
    ],
)  # fmt: skip
def test_a_wrong_grant(machine: Machine, text: str, expected: str) -> None:
    assert machine.problems(GOOD + text) == [expected]


def shown(machine: Machine, capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    options = argparse.Namespace(site="shop", origin=False, all=False, json=False)
    for flag in flags:
        setattr(options, flag, True)
    assert show.show(Context(machine.paths, machine.rules), options) == 0
    return capsys.readouterr().out


def test_show_tells_the_origin_of_each_value(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    defaults = machine.defaults('timeout = 10\n[env]\nLANG = "C"\n')
    path = machine.write("shop.conf", GOOD + 'bind = ["[::]:80", "unix:/x"]\n')
    extra = dropin(machine, "a.conf", "[env]\nA = '1'\n[sandbox]\njit = true\n")
    lines = [line.split() for line in shown(machine, capsys, "origin").splitlines()]
    origins = {words[0]: words[words.index("#") + 1] for words in lines}
    assert origins == {
        "app": f"{path}:1", "user": f"{path}:2", "mode": "built-in", "start": "built-in",
        "socket_group": "built-in", "socket_mode": "built-in", "bind": f"{path}:3",
        "timeout": f"{defaults}:1", "env.LANG": f"{defaults}:3", "env.A": f"{extra}:2",
        "sandbox.jit": f"{extra}:4",
    }  # fmt: skip
    assert "#" not in shown(machine, capsys)
    document = json.loads(shown(machine, capsys, "json", "all"))
    assert document["bind"] == {"value": ["[::]:80", "unix:/x"], "from": f"{path}:3"}
    assert document["backlog"]["from"] == "built-in"
    assert "pre_fork" not in document
