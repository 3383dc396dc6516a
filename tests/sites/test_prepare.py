from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gunicorn.errors import ConfigError
from gunicorn.sites.account import Account
from gunicorn.sites.prepare import prepare_site
from tests.sites.conftest import Machine

UID, GID = os.getuid(), os.getgid()
needs_root = pytest.mark.skipif(UID != 0, reason="only root gives directories away")


def account(uid: int = UID, gid: int = GID, socket_gid: int = GID) -> Account:
    return Account("shop", uid, gid, "/srv/shop", "/bin/sh", (gid,), socket_gid)


def prepare(machine: Machine, who: Account | None = None) -> None:
    prepare_site("shop", who or account(), machine.paths, root_uid=UID)


def facts(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def test_directories_are_made_whatever_the_mask(machine: Machine) -> None:
    previous = os.umask(0o077)
    try:
        prepare(machine)
    finally:
        os.umask(previous)
    assert facts(machine.paths.run_dir("shop")) == (UID, GID, 0o2750)
    assert facts(machine.paths.log_dir("shop")) == (UID, GID, 0o750)
    assert facts(machine.paths.run)[2] == 0o755


def test_preparing_again_touches_nothing_inside(machine: Machine) -> None:
    prepare(machine)
    log = machine.paths.errorlog("shop")
    log.write_text("a line\n")
    log.chmod(0o600)
    before = log.stat()
    prepare(machine)
    after = log.stat()
    assert (before.st_mode, before.st_ctime_ns) == (after.st_mode, after.st_ctime_ns)


@needs_root
def test_the_directories_are_the_sites_and_the_proxys(machine: Machine) -> None:
    prepare(machine, account(1001, 1002, 33))
    assert facts(machine.paths.run_dir("shop")) == (1001, 33, 0o2750)
    assert facts(machine.paths.log_dir("shop")) == (1001, 1002, 0o750)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_directory_is_left_alone(machine: Machine, kind: str) -> None:
    victim = machine.paths.root / "victim"
    victim.mkdir(mode=0o700)
    place = machine.paths.run_dir("shop")
    if kind == "link":
        place.symlink_to(victim)
    else:
        place.write_text("")
    with pytest.raises(ConfigError, match="is in the way, it is no directory"):
        prepare(machine)
    assert facts(victim)[2] == 0o700


def test_a_parent_that_is_a_link_is_refused(machine: Machine) -> None:
    elsewhere = machine.paths.root / "elsewhere"
    elsewhere.mkdir()
    machine.paths.logs.rmdir()
    machine.paths.logs.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a link or no directory"):
        prepare(machine)
    assert list(elsewhere.iterdir()) == []


def test_a_parent_that_others_may_write_is_refused(machine: Machine) -> None:
    machine.paths.run.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod 0755"):
        prepare(machine)
    assert not machine.paths.run_dir("shop").exists()


@needs_root
def test_a_new_user_gets_the_files_and_nothing_they_lead_to(machine: Machine) -> None:
    prepare(machine, account(1001, 1001))
    victim = machine.paths.root / "shadow"
    victim.write_text("secret")
    logs = machine.paths.log_dir("shop")
    own = logs / "access.log"
    own.write_text("a line\n")
    (logs / "link.log").symlink_to(victim)
    os.link(victim, logs / "second-name.log")
    for path in (own, logs / "link.log"):
        os.chown(path, 1001, 1001, follow_symlinks=False)
    prepare(machine, account(2002, 2003))
    assert facts(logs) == (2002, 2003, 0o750)
    assert facts(own)[:2] == (2002, 2003)
    assert facts(victim)[:2] == (UID, GID)
    assert facts(logs / "second-name.log")[:2] == (UID, GID)
    assert facts(logs / "link.log")[:2] == (1001, 1001)


@needs_root
def test_links_planted_by_the_site_are_never_looked_at(machine: Machine) -> None:
    prepare(machine, account(1001, 1001))
    victim = machine.paths.root / "shadow"
    victim.write_text("secret")
    for place in (machine.paths.errorlog("shop"), machine.paths.control("shop")):
        place.symlink_to(victim)
    prepare(machine, account(1001, 1001))
    assert facts(victim)[:2] == (UID, GID)
    assert victim.read_text() == "secret"
