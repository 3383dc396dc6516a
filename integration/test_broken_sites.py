"""A broken site file stops its own site, which says where and why; the others never notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

FILE = "/etc/gunicorn.d/third.conf"
GOOD = 'app = "gunicorn.sites.welcome:application"\nuser = "gunicorn"\nbind = "127.0.0.1:8003"\n'

BROKEN = {
    "mistyped key": (GOOD + "tiemout = 5\n", 0o644, f"{FILE}:4: ", ["tiemout", "timeout"]),
    "missing user": (
        GOOD.replace('"gunicorn"\n', '"nobody-of-that-name"\n'),
        0o644,
        FILE,
        ["nobody-of-that-name"],
    ),
    "no user at all": ("\n".join(GOOD.splitlines()[::2]) + "\n", 0o644, FILE, ["user"]),
    "broken TOML": (GOOD + "workers = = 2\n", 0o644, f"{FILE}:4: ", []),
    "unquoted string": (GOOD + "loglevel = debug\n", 0o644, f"{FILE}:4: ", ["quote"]),
    "wrong value": (GOOD + 'workers = "many"\n', 0o644, f"{FILE}:4: ", ["workers"]),
    "root": (GOOD.replace('"gunicorn"\n', '"root"\n'), 0o644, f"{FILE}:2: ", ["root"]),
    "world-writable file": (GOOD, 0o666, FILE, ["writ"]),
}


@pytest.fixture
def third(fleet: Machine) -> Iterator[Machine]:
    yield fleet
    fleet.run(f"rm -f {FILE}")
    fleet.run("gunicornctl sync")
    assert fleet.output("systemctl --failed --no-legend") == ""


@pytest.mark.parametrize("case", BROKEN)
def test_broken_site_file_fails_alone(third: Machine, case: str) -> None:
    text, mode, place, words = BROKEN[case]
    machine = third
    before = {name: machine.pids(f"gunicorn@{name}") for name in ("shop", "blog", "welcome")}
    with Load(machine, "shop.test", threads=1) as load:
        load.more(20)
        machine.write(FILE, text, mode)

        checked = machine.run("gunicornctl check third", check=None)
        synced = machine.run("gunicornctl sync", check=None)
        load.more(20)
        report = load.stop()

    assert synced.returncode != 0
    assert machine.output("systemctl is-failed gunicorn@third || true") == "failed"
    status = machine.run("systemctl status --no-pager --full gunicorn@third", check=3).stdout
    said = checked.stdout + checked.stderr
    for seen in (status, said):
        line = next(
            (
                line
                for line in seen.splitlines()
                if place in line and all(word in line for word in words)
            ),
            None,
        )
        assert line, f"one line with {place} and {words}:\n{seen}"
    assert checked.returncode == 78, said

    assert report["failures"] == []
    assert {name: machine.pids(f"gunicorn@{name}") for name in before} == before
    assert machine.output("systemctl is-active gunicorn") == "active"


def test_broken_site_does_not_keep_the_others_from_a_reload(third: Machine) -> None:
    """And the reload of all tells that something is wrong."""
    machine = third
    machine.write(FILE, BROKEN["mistyped key"][0])
    workers = machine.workers("gunicorn@shop")
    done = machine.run("systemctl reload gunicorn", check=None)
    assert done.returncode != 0
    wait_until(
        lambda: not set(workers) & set(machine.workers("gunicorn@shop")), "the old workers are gone"
    )


def test_repaired_site_file_starts_with_the_next_sync(third: Machine) -> None:
    machine = third
    machine.write(FILE, BROKEN["mistyped key"][0])
    machine.run("gunicornctl sync", check=None)
    machine.write(FILE, GOOD)
    machine.run("gunicornctl sync")
    assert machine.output("systemctl is-active gunicorn@third") == "active"
    assert machine.output("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8003/") == "200"
