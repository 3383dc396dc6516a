"""A reload loads new code without a failed request, and says so when the new code does not load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.browser import Browser
from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

CODE = {"shop": "/srv/shop/goods/views.py", "blog": "/srv/blog/blog.py"}
#: imported before the site is ready, while Django imports its views with the first request
SHOP_LOADS = "/srv/shop/shop/wsgi.py"


def edit(machine: Machine, name: str, old: str, new: str, path: str = "") -> None:
    path = path or CODE[name]
    text = machine.output(["cat", path])
    assert old in text
    machine.write(path, text.replace(old, new) + "\n")
    machine.run(f"chgrp {name} {path}")


def release(machine: Machine, name: str) -> str:
    with Browser(machine, f"{name}.test") as browser:
        return browser.get("/version").text


@pytest.fixture
def code(fleet: Machine) -> Iterator[Machine]:
    """The machine; afterwards both sites run the code they had."""
    files = [*CODE.items(), ("shop", SHOP_LOADS)]
    before = {path: fleet.output(["cat", path]) for _, path in files}
    yield fleet
    for name, path in files:
        fleet.write(path, before[path] + "\n")
        fleet.run(f"chgrp {name} {path}")
    fleet.run("systemctl reload gunicorn")


def test_reload_of_one_site_under_load(code: Machine) -> None:
    machine = code
    master, others = machine.main_pid("gunicorn@shop"), machine.pids("gunicorn@blog")
    workers = machine.workers("gunicorn@shop")
    with Load(machine, "shop.test") as load:
        load.more(100)
        for number in range(2, 7):
            edit(
                machine,
                "shop",
                f'RELEASE = "release {number - 1}"',
                f'RELEASE = "release {number}"',
            )
            machine.run("systemctl reload gunicorn@shop")
            # The command has returned: from now on nothing but the new code answers.
            assert {release(machine, "shop") for _ in range(8)} == {f"release {number}"}
            load.more(50)
        report = load.stop()
    assert report["failures"] == []
    assert set(report["bodies"]) == {f"release {number}" for number in range(1, 7)}
    assert machine.main_pid("gunicorn@shop") == master
    wait_until(
        lambda: not set(workers) & set(machine.workers("gunicorn@shop")), "the old workers are gone"
    )
    assert machine.pids("gunicorn@blog") == others


def test_reload_of_all_sites_under_load(code: Machine) -> None:
    machine = code
    masters = {name: machine.main_pid(f"gunicorn@{name}") for name in CODE}
    with (
        Load(machine, "shop.test", threads=2) as shop,
        Load(machine, "blog.test", threads=2) as blog,
    ):
        shop.more(100)
        blog.more(100)
        for name in CODE:
            edit(machine, name, 'RELEASE = "release 1"', 'RELEASE = "release of all"')
        machine.run("systemctl reload gunicorn")
        for name in CODE:
            assert {release(machine, name) for _ in range(8)} == {"release of all"}
        shop.more(50)
        blog.more(50)
        reports = [shop.stop(), blog.stop()]
    assert [report["failures"] for report in reports] == [[], []]
    assert {name: machine.main_pid(f"gunicorn@{name}") for name in CODE} == masters


@pytest.mark.parametrize("command", ["systemctl reload gunicorn@shop", "gunicornctl reload shop"])
def test_reload_of_code_that_does_not_load_fails_and_the_old_serves(
    code: Machine, command: str
) -> None:
    machine = code
    workers = machine.workers("gunicorn@shop")
    with Load(machine, "shop.test") as load:
        load.more(50)
        edit(machine, "shop", "application = ", "application = nonsense or ", SHOP_LOADS)
        done = machine.run(command, check=None)
        assert done.returncode != 0
        load.more(100)
        report = load.stop()
    assert report["failures"] == []
    assert set(report["bodies"]) == {"release 1"}
    assert machine.workers("gunicorn@shop") == workers, "the old workers were never stopped"
    said = (
        done.stdout
        + done.stderr
        + machine.output("systemctl status --no-pager --lines=40 gunicorn@shop || true")
    )
    assert "name 'nonsense' is not defined" in said
    assert "NameError" in machine.output("tail -n 60 /var/log/gunicorn/shop/error.log")
    assert machine.output("systemctl is-active gunicorn@shop") == "active"


def test_restart_keeps_the_listening_sockets(fleet: Machine) -> None:
    """systemd holds the sockets meanwhile: requests wait, none fails."""
    master, others = fleet.main_pid("gunicorn@shop"), fleet.pids("gunicorn@blog")
    with Load(fleet, "shop.test", threads=2) as load:
        load.more(50)
        fleet.run("systemctl restart gunicorn@shop")
        assert {release(fleet, "shop") for _ in range(4)} == {"release 1"}
        load.more(50)
        report = load.stop()
    assert report["failures"] == []
    assert fleet.main_pid("gunicorn@shop") not in (0, master)
    assert fleet.pids("gunicorn@blog") == others


def test_upgrade_of_the_package_loses_no_request(fleet: Machine) -> None:
    masters = {name: fleet.main_pid(f"gunicorn@{name}") for name in CODE}
    with (
        Load(fleet, "shop.test", threads=2) as shop,
        Load(fleet, "blog.test", threads=2) as blog,
    ):
        shop.more(50)
        blog.more(50)
        fleet.run("apt-get install -y --reinstall /packages/*.deb")
        shop.more(50)
        blog.more(50)
        reports = [shop.stop(), blog.stop()]
    assert [report["failures"] for report in reports] == [[], []]
    for name, master in masters.items():
        assert release(fleet, name) == "release 1"
        assert fleet.main_pid(f"gunicorn@{name}") not in (0, master), "the new code runs"
