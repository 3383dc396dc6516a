"""logrotate under load: no line is lost and no process changes."""

from __future__ import annotations

from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

PATH = "/version?rotation"
ROTATIONS = 6


def lines(machine: Machine, name: str) -> int:
    """Lines of this test in the access logs of a site, old and new, compressed or not."""
    files = f"/var/log/gunicorn/{name}/access.log*"
    return int(machine.output(f"zgrep --no-filename -F '{PATH}' {files} | wc -l"))


def test_rotation_under_load_loses_no_line(fleet: Machine) -> None:
    names = ("shop", "blog")
    before = {name: fleet.pids(f"gunicorn@{name}") for name in names}
    assert {name: lines(fleet, name) for name in names} == dict.fromkeys(names, 0)
    with (
        Load(fleet, "shop.test", PATH, threads=2) as shop,
        Load(fleet, "blog.test", PATH, threads=2) as blog,
    ):
        for _ in range(ROTATIONS):
            shop.more(60)
            blog.more(60)
            fleet.run("logrotate --force /etc/logrotate.d/gunicorn")
        shop.more(60)
        blog.more(60)
        sent = {"shop": shop.stop(), "blog": blog.stop()}
    for name in names:
        assert sent[name]["failures"] == []
        # The line of a request is written after its answer has gone out.
        wait_until(
            lambda name=name: lines(fleet, name) >= sent[name]["requests"],
            f"all lines of {name} are there",
            10,
        )
        assert lines(fleet, name) == sent[name]["requests"]
        assert fleet.pids(f"gunicorn@{name}") == before[name]
        logs = fleet.output(f"stat -c '%U:%G %a' /var/log/gunicorn/{name}/*.log*").splitlines()
        assert set(logs) == {f"{name}:{name} 640"}
        kept = fleet.output(f"ls /var/log/gunicorn/{name}/").split()
        assert f"access.log.{ROTATIONS}.gz" in kept or f"access.log.{ROTATIONS - 1}.gz" in kept


def test_the_real_timer_unit_can_rotate(fleet: Machine) -> None:
    """logrotate.service has a sandbox of its own, in which our postrotate must work too."""
    fleet.run("sed -i 's/^weekly/daily/; s/^\\tweekly/\\tsize 1/' /etc/logrotate.d/gunicorn")
    try:
        with Load(fleet, "shop.test", threads=1) as load:
            load.more(20)
        fleet.run("systemctl start logrotate.service")
        fleet.run("journalctl -u logrotate.service --no-pager -n 20")
        with Load(fleet, "shop.test", threads=1) as load:
            load.more(20)
            report = load.stop()
        assert report["failures"] == []
        wait_until(
            lambda: (
                int(fleet.output("wc -l < /var/log/gunicorn/shop/access.log")) >= report["requests"]
            ),
            "the new requests are in the new file",
        )
        assert fleet.output("systemctl show -P Result logrotate.service") == "success"
    finally:
        fleet.run("sed -i 's/^\\tsize 1/\\tweekly/' /etc/logrotate.d/gunicorn")
