"""A site is restarted, or dies, under load: its sockets wait in systemd's descriptor store."""

from __future__ import annotations

from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

UNIT = "gunicorn@shop"


def test_restart_loses_no_connection(fleet: Machine) -> None:
    with Load(fleet, "shop.test") as load:
        load.more(100)
        for _ in range(3):
            before = fleet.main_pid(UNIT)
            fleet.run(f"systemctl restart {UNIT}")
            assert fleet.main_pid(UNIT) != before
            load.more(100)
        report = load.stop()
    assert report["failures"] == []


def test_death_of_the_master_loses_no_request(fleet: Machine) -> None:
    """Its workers finish what they are at; whoever connects afterwards waits for the next one."""
    before = fleet.main_pid(UNIT)
    with Load(fleet, "shop.test") as load:
        load.more(100)
        fleet.run(f"systemctl kill --kill-who=main --signal=KILL {UNIT}")
        wait_until(lambda: fleet.main_pid(UNIT) not in (0, before), "systemd has started another")
        load.more(200)
        report = load.stop()
    assert report["failures"] == []


def test_restart_through_our_command(fleet: Machine) -> None:
    with Load(fleet, "shop.test") as load:
        load.more(50)
        fleet.run("gunicornctl restart shop")
        load.more(100)
        report = load.stop()
    assert report["failures"] == []


def test_upgrade_in_place_and_the_way_back(fleet: Machine) -> None:
    """USR2 (docs/upgrade.rst); the service follows whoever stays, and ends when it is told to."""
    pidfile = "/run/gunicorn/shop/gunicorn.pid"

    def execute_anew() -> tuple[int, int]:
        old, count = fleet.main_pid(UNIT), len(fleet.pids(UNIT))
        fleet.run(f"kill -USR2 {old}")
        wait_until(lambda: len(fleet.pids(UNIT)) == 2 * count, "both masters have their workers")
        return old, int(fleet.output(f"cat {pidfile}"))

    with Load(fleet, "shop.test") as load:
        load.more(50)
        old, new = execute_anew()
        load.more(50)
        fleet.run(f"kill -TERM {new}")
        wait_until(lambda: fleet.output(f"cat {pidfile} || true") == str(old), "the way back")
        load.more(50)
        old, new = execute_anew()
        load.more(50)
        fleet.run(f"kill -TERM {old}")
        wait_until(lambda: fleet.main_pid(UNIT) == new, "the new master is the main process")
        load.more(50)
        fleet.run(f"systemctl restart {UNIT}")
        load.more(50)
        report = load.stop()
    assert report["failures"] == []
    execute_anew()
    fleet.run(f"systemctl stop {UNIT}")
    assert fleet.output(f"systemctl show --value -p Result {UNIT}") == "success"
    fleet.run(f"systemctl start {UNIT}")
