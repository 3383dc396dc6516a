"""The verbs that write: what they make, and what they leave alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gunicorn.sites import manage
from gunicorn.sites.systemctl import Outcome
from tests.sites.conftest import GOOD, Machine
from tests.sites.test_sync import FakeSystemd, FakeUnit

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


def test_disable_and_enable_leave_the_file_as_it_is(ctl, machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    fake = FakeSystemd(units={"shop": FakeUnit("active", since=5)})
    assert ctl("disable", "shop", systemd=fake)[:2] == (0, ["site shop: disabled"])
    own = machine.paths.dropins("shop") / manage.STARTS
    assert 'start = "disabled"' in own.read_text()
    assert stat.S_IMODE(own.stat().st_mode) == 0o644
    assert fake.done == ["daemon-reload", "stop shop", "reset-failed shop"]
    assert ctl("start", "shop", systemd=fake)[0] == 1
    assert ctl("enable", "shop", systemd=fake)[0] == 0
    assert fake.done[-1] == "start shop"
    assert not machine.paths.dropins("shop").exists()
    assert path.read_text() == GOOD


def test_enable_wins_over_the_file(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD + 'start = "disabled"\n')
    assert ctl("enable", "shop", systemd=FakeSystemd())[0] == 0
    assert 'start = "auto"' in (machine.paths.dropins("shop") / manage.STARTS).read_text()


def test_a_broken_site_can_be_disabled_and_not_enabled(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD + "tiemout = 5\n")
    assert ctl("enable", "shop", systemd=FakeSystemd())[0] == 78
    assert ctl("disable", "shop", systemd=FakeSystemd())[0] == 0
    assert ctl("disable", "nosuch", systemd=FakeSystemd())[0] == 5


@needs_root
def test_create_makes_user_directory_and_file(
    ctl,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def adduser(command: list[str]) -> Outcome:
        asked.append(command)
        return Outcome(0, "", "")

    monkeypatch.setattr(manage, "_has_user", lambda name: False)
    monkeypatch.setattr(manage, "_group_of", lambda name: 12345)
    ctl.runs(adduser)
    place = tmp_path / "srv/shop"
    status, out, _ = ctl(
        "create", "shop", "--app", "shop:app", "--chdir", str(place), "--bind", ":80"
    )
    assert status == 0
    assert asked == [
        [
            "adduser",
            "--system",
            "--group",
            "--quiet",
            "--no-create-home",
            "--home",
            str(place),
            "shop",
        ]
    ]
    path = machine.paths.site_file("shop")
    assert path.read_text().splitlines()[1:] == [
        'app = "shop:app"', 'user = "shop"', f'chdir = "{place}"', 'bind = ":80"'
    ]  # fmt: skip
    for made, mode in ((path, 0o640), (place, 0o750)):
        assert (made.stat().st_uid, made.stat().st_gid) == (0, 12345)
        assert stat.S_IMODE(made.stat().st_mode) == mode
    assert out[-1] == "then: gunicornctl check shop && gunicornctl sync"
    assert ctl("create", "shop", "--app", "x:y")[::2] == (1, [f"{path} exists already"])


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["Shop", "--app", "a:b"], 1),
        (["shop", "--app", "a.py"], 78),
        (["shop", "--app", "a:b", "--user", "root"], 78),
        (["shop", "--app", "a:b", "--chdir", "here"], 78),
        (["shop", "--app", 'a:b"\nuser = "root'], 78),
    ],
)
def test_create_refuses_before_anything_is_made(
    ctl,
    machine: Machine,
    arguments: list[str],
    status: int,
) -> None:
    assert ctl("create", *arguments)[0] == status
    assert list(machine.paths.sites.iterdir()) == []


def test_remove_puts_aside_and_purge_deletes(ctl, machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    machine.paths.dropins("shop").mkdir()
    for directory in (machine.paths.run_dir("shop"), machine.paths.log_dir("shop")):
        directory.mkdir()
    victim = machine.paths.root / "victim"
    victim.mkdir()
    (victim / "file").write_text("")
    (machine.paths.log_dir("shop") / "error.log").symlink_to(victim)
    fake = FakeSystemd(units={"shop": FakeUnit("active", since=5)})
    status, out, _ = ctl("remove", "shop", systemd=fake)
    assert status == 0
    assert not path.exists()
    assert path.with_name("shop.conf.bak").read_text() == GOOD
    assert fake.done == ["daemon-reload", "stop shop", "reset-failed shop"]
    assert machine.paths.log_dir("shop").exists()
    assert not machine.paths.run_dir("shop").exists()
    assert f"kept {machine.paths.log_dir('shop')}" in out
    machine.write("shop.conf", GOOD)
    assert ctl("remove", "shop", "--purge", systemd=fake)[0] == 0
    assert not machine.paths.log_dir("shop").exists()
    assert (victim / "file").exists()
    assert ctl("remove", "shpo", systemd=fake)[0] == 5
    assert ctl("remove", "../etc", systemd=fake)[0] == 5


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.prom"
    manage.write_whole(target, "one\n", 0o644)
    target.unlink()
    target.mkdir()
    with pytest.raises(manage.ConfigError, match="cannot be written"):
        manage.write_whole(target, "two\n", 0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["x.prom"]
