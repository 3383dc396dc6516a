"""Sites come and go with their files, and come back with the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.load import Load
from integration.machine import Machine
from integration.test_broken_sites import FILE, GOOD
from integration.waiting import wait_until


@pytest.fixture
def third(fleet: Machine) -> Iterator[Machine]:
    yield fleet
    fleet.run(f"rm -f {FILE}")
    fleet.run("gunicornctl sync")


def status(machine: Machine, url: str) -> str:
    return machine.run(f"curl -s -o /dev/null -w '%{{http_code}}' {url}", check=None).stdout


def test_sync_starts_what_is_new_and_stops_what_is_gone(third: Machine) -> None:
    machine = third
    before = {name: machine.pids(f"gunicorn@{name}") for name in ("shop", "blog", "welcome")}
    with (
        Load(machine, "shop.test", threads=1) as shop,
        Load(machine, "blog.test", threads=1) as blog,
    ):
        shop.more(20)
        machine.write(FILE, GOOD)
        machine.run("gunicornctl sync")
        assert machine.output("systemctl is-active gunicorn@third") == "active"
        assert status(machine, "http://127.0.0.1:8003/") == "200"
        started = machine.pids("gunicorn@third")

        machine.run("gunicornctl sync")
        assert machine.pids("gunicorn@third") == started, "a second time there is nothing to do"

        machine.run(f"rm {FILE}")
        machine.run("gunicornctl sync")
        assert machine.output("systemctl is-active gunicorn@third || true") == "inactive"
        assert status(machine, "http://127.0.0.1:8003/") == "000"
        assert (
            machine.run(["ps", "-o", "pid=", "-p", ",".join(map(str, started))], check=1).stdout
            == ""
        )
        assert "third" not in machine.output("gunicornctl list")
        shop.more(20)
        blog.more(20)
        reports = [shop.stop(), blog.stop()]
    assert [report["failures"] for report in reports] == [[], []]
    assert {name: machine.pids(f"gunicorn@{name}") for name in before} == before


def test_sync_leaves_a_site_alone_that_was_stopped_by_hand(third: Machine) -> None:
    machine = third
    machine.write(FILE, GOOD)
    machine.run("gunicornctl sync")
    machine.run("systemctl stop gunicorn@third")
    machine.run("gunicornctl sync")
    assert machine.output("systemctl is-active gunicorn@third || true") == "inactive"


@pytest.mark.parametrize("start", ["manual", "disabled"])
def test_start_key_keeps_a_site_from_starting_by_itself(third: Machine, start: str) -> None:
    machine = third
    machine.write(FILE, GOOD + f'start = "{start}"\n')
    machine.run("gunicornctl sync")
    assert machine.output("systemctl is-active gunicorn@third || true") == "inactive"
    done = machine.run("systemctl start gunicorn@third", check=None)
    assert (done.returncode == 0) == (start == "manual")


def test_leftovers_of_editors_and_dpkg_are_no_sites(third: Machine) -> None:
    machine = third
    names = [
        "third.conf~",
        "third.conf.bak",
        "third.conf.dpkg-old",
        ".third.conf",
        "_third.conf",
        "third.conf.ucf-dist",
    ]
    try:
        for name in names:
            machine.write(f"/etc/gunicorn.d/{name}", "nonsense")
        machine.run("gunicornctl sync")
        assert machine.output("systemctl --failed --no-legend") == ""
        listed = {line.split()[0] for line in machine.output("gunicornctl list").splitlines()[1:]}
        assert listed == {"blog", "shop", "welcome"}
    finally:
        machine.run(["rm", "-f", *[f"/etc/gunicorn.d/{name}" for name in names]])


def test_all_sites_are_back_after_a_reboot(fleet: Machine) -> None:
    fleet.reboot()
    for name in ("shop", "blog"):
        assert fleet.output(f"systemctl is-active gunicorn@{name}") == "active"
        assert status(fleet, f"-H 'Host: {name}.test' http://127.0.0.1/version") == "200"
    assert status(fleet, "http://127.0.0.1:8000/") == "200"
    assert fleet.output("systemctl --failed --no-legend") == ""


def test_crashed_master_is_started_again(fleet: Machine) -> None:
    master = fleet.main_pid("gunicorn@blog")
    others = fleet.pids("gunicorn@shop")
    fleet.run(f"kill -KILL {master}")
    url = "-H 'Host: blog.test' http://127.0.0.1/version"
    wait_until(
        lambda: fleet.main_pid("gunicorn@blog") not in (0, master) and status(fleet, url) == "200",
        lambda: fleet.output("systemctl status --no-pager gunicorn@blog || true"),
    )
    assert fleet.pids("gunicorn@shop") == others
