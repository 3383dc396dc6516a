from __future__ import annotations

import os
from pathlib import Path

import pytest

from gunicorn.sites import units
from gunicorn.sites.fleet import read_fleet
from gunicorn.sites.generator import generate
from gunicorn.sites.site import Site, SiteError, read_site
from tests.sites.conftest import Machine

ALICE, BOB = 41001, 41002
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


@pytest.fixture
def delegated(machine: Machine) -> Machine:
    machine.defaults('delegate = ["alice"]\nuser = "www-data"\n[limits]\nmemory_max = "1G"\n')
    passwd = machine.paths.root / "etc/passwd"
    rows = [("root", 0), ("www-data", 33), ("alice", ALICE), ("bob", BOB)]
    passwd.write_text("".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in rows))
    return machine


def written(machine: Machine, text: str, owner: int = ALICE) -> Path:
    path = machine.write("shop.conf", 'app = "a:b"\n' + text)
    os.chown(path, owner, owner)
    return path


def read(machine: Machine) -> Site:
    return read_site("shop", machine.paths, machine.rules)


def refusal(machine: Machine) -> str:
    with pytest.raises(SiteError) as caught:
        read(machine)
    return caught.value.problems[0]


def test_the_owner_is_the_user(delegated: Machine, tmp_path: Path) -> None:
    written(
        delegated,
        'workers = 4\nbind = "127.0.0.1:8080"\ngraceful_timeout = 60\n[env]\nA = "1"\n',
    )
    site = read(delegated)
    assert (site.user, site.group, site.settings["workers"]) == ("alice", None, 4)
    assert dict(site.limits) == {"memory_max": "1G"}
    assert read_fleet(delegated.paths, delegated.rules)["shop"] == site
    generate(tmp_path / "units", delegated.paths, delegated.rules)
    dropin = (tmp_path / "units/gunicorn@shop.service.d" / units.DROPIN).read_text()
    assert "User=alice\nGroup=\n" in dropin


def test_it_is_off_until_root_names_the_user(delegated: Machine) -> None:
    path = written(delegated, "", BOB)
    assert f"belongs to uid {BOB}, not to root" in refusal(delegated)
    os.chown(path, ALICE, ALICE)
    assert read(delegated).user == "alice"
    delegated.defaults('user = "www-data"\n')
    assert f"belongs to uid {ALICE}, not to root" in refusal(delegated)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('user = "root"', "runs as the owner"),
        ('user = "bob"', "runs as the owner"),
        ('group = "shadow"', "group of its owner"),
        ('socket_group = "shadow"', "root gives"),
        ('env_file = "/etc/gunicorn/other.env"', "root reads it"),
        ('writable = "/etc"', "opens the sandbox"),
        ('bind = "127.0.0.1:80"', "ports below 1024"),
        ('bind = ["127.0.0.1:8080", "[::]:443"]', "ports below 1024"),
        ('bind = "unix:/run/gunicorn/other/socket"', "sockets of the site"),
        ('bind = "unix:{root}/run/gunicorn/shop/../other/socket"', "sockets of the site"),
        ('bind = "unix:{root}/run/gunicorn/shop/control"', "sockets of the site"),
        ('bind = "fd://3"', "descriptors"),
        ('errorlog = "/etc/cron.d/x"', "logs of the site"),
        ('accesslog = "{root}/var/log/gunicorn/shop/../blog/x"', "logs of the site"),
        ("graceful_timeout = 86400", "1 to 120"),
        ("boot_timeout = 0", "1 to 120"),
        ("sandbox.devices = true", "opens the sandbox"),
        ('limits.memory_max = "infinity"', "root's to set"),
    ],
)
def test_what_its_owner_may_not_say(delegated: Machine, line: str, reason: str) -> None:
    path = written(delegated, line.format(root=delegated.paths.root) + "\n")
    told = refusal(delegated)
    assert told.startswith(f"{path}:2: ")
    assert "not in a delegated file: " in told
    assert reason in told


def test_delegation_is_not_passed_on(delegated: Machine) -> None:
    path = written(delegated, 'delegate = ["bob"]\n')
    assert refusal(delegated).startswith(f"{path}:2: unknown key delegate")


def test_only_the_file_may_be_the_delegates(delegated: Machine, tmp_path: Path) -> None:
    path = written(delegated, "")
    dropins = delegated.paths.dropins("shop")
    dropins.mkdir(mode=0o755)
    (dropins / "a.conf").write_text("workers = 2\n")
    assert read(delegated).settings["workers"] == 2
    os.chown(dropins / "a.conf", ALICE, ALICE)
    assert "not to root" in refusal(delegated)
    (dropins / "a.conf").unlink()
    os.chown(delegated.paths.sites, ALICE, ALICE)
    assert "the directory" in refusal(delegated)
    os.chown(delegated.paths.sites, 0, 0)
    # a link of hers, or a second name of a file of hers
    os.link(path, tmp_path / "second")
    assert "a second name" in refusal(delegated)
    path.unlink()
    path.symlink_to(tmp_path / "second")
    os.chown(path, ALICE, ALICE, follow_symlinks=False)
    assert "the link" in refusal(delegated)


def test_root_may_open_what_is_closed_but_not_change_the_user(delegated: Machine) -> None:
    written(delegated, "")
    dropins = delegated.paths.dropins("shop")
    dropins.mkdir(mode=0o755)
    (dropins / "a.conf").write_text('user = "bob"\nbind = ":80"\n[sandbox]\njit = true\n')
    site = read(delegated)
    assert (site.user, site.privileged_ports, dict(site.sandbox)) == ("alice", [80], {"jit": True})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"alice"', "a list of users is expected"),
        ('["nobody-here"]', "there is no user 'nobody-here'"),
        ('["root"]', "is root"),
    ],
)
def test_a_wrong_list_breaks_every_site(delegated: Machine, value: str, reason: str) -> None:
    path = delegated.defaults(f"delegate = {value}\n")
    written(delegated, "")
    assert refusal(delegated).startswith(f"{path}:1: delegate: ")
    assert reason in refusal(delegated)
