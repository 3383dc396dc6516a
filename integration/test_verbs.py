"""The verbs of gunicornctl that no other test needs, on a machine with sites that serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

OLD = """
CONFIG = {
    'mode': 'wsgi',
    'working_dir': '/srv/extra',
    'user': 'extra',
    'environment': {'COLOUR': 'blue'},
    'args': ('--workers=2', 'application:app'),
}
"""
APP = """
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    print("served", environ["PATH_INFO"], file=environ["wsgi.errors"])
    return [b"ok"]
"""
FILE = "/etc/gunicorn.d/extra.conf"


def sites(machine: Machine, verb: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(machine.output(verb))["sites"]}


@pytest.fixture
def extra(fleet: Machine) -> Iterator[Machine]:
    """A site made by ``create``, taken away again by ``remove --purge``."""
    fleet.run("gunicornctl create extra --app application:app")
    fleet.write("/srv/extra/application.py", APP)
    fleet.run("gunicornctl start extra")
    yield fleet
    fleet.run("gunicornctl remove --purge extra; rm -rf /srv/extra; deluser --quiet extra")


def test_listings_tell_what_a_site_does(fleet: Machine) -> None:
    with Load(fleet, "shop.test") as load:
        load.more(100)
        wait_until(
            lambda: sites(fleet, "gunicornctl top --once --interval 1 --json")["shop"]["p50"],
            "the master has told a latency",
        )
        shop = sites(fleet, "gunicornctl top --once --interval 1 --json shop")["shop"]
        table = fleet.output("gunicornctl top --once --interval 1").splitlines()
        metrics = fleet.output("gunicornctl metrics").splitlines()
        load.stop()
    assert 0 < shop["p50"] <= shop["p95"] < 30
    assert shop["requests_per_second"] > 0
    assert (shop["workers"], shop["workers_ready"], shop["state"]) == (2, 2, "running")
    assert shop["memory"] > 10 << 20
    assert table[0].split()[6:8] == ["P50", "P95"]
    row = next(line.split() for line in table if line.startswith("shop "))
    assert row[1] == "running"
    assert all(cell.endswith(("ms", "s")) for cell in row[6:8])
    assert 'gunicorn_site_up{site="shop"} 1' in metrics
    assert any(
        line.startswith('gunicorn_site_request_p95_seconds{site="shop"} ') for line in metrics
    )
    assert metrics[-1] == "# EOF"
    assert "half within" in fleet.output("gunicornctl status shop")


def test_metrics_for_the_textfile_collector(fleet: Machine) -> None:
    fleet.run("mkdir -p /var/lib/prom && gunicornctl metrics --output /var/lib/prom/gunicorn.prom")
    assert fleet.output("stat -c '%U %a' /var/lib/prom/gunicorn.prom; ls /var/lib/prom") == (
        "root 644\ngunicorn.prom"
    )
    assert fleet.output("tail -n 1 /var/lib/prom/gunicorn.prom") == "# EOF"
    fleet.run("rm -r /var/lib/prom")


def test_life_of_a_site(extra: Machine) -> None:
    machine = extra
    ask = "curl -s --unix-socket /run/gunicorn/extra/socket http://x/page"
    assert machine.output(ask) == "ok"
    machine.run("gunicornctl status extra", check=0)
    machine.run("gunicornctl disable extra")
    assert machine.run("gunicornctl status extra", check=3).stdout.count("disabled") == 1
    machine.run("gunicornctl start extra", check=1)
    assert machine.run("systemctl start gunicorn@extra", check=None).returncode != 0
    machine.run("gunicornctl enable extra")
    assert machine.output(ask) == "ok"
    machine.run("gunicornctl stop extra")
    assert sites(machine, "gunicornctl list --json")["extra"]["state"] == "stopped"
    machine.run("gunicornctl reload extra", check=7)
    machine.run("gunicornctl start extra && gunicornctl restart extra")
    machine.run("gunicornctl remove extra")
    assert machine.output(f"ls {FILE}* ") == f"{FILE}.bak"
    assert machine.main_pid("gunicorn@extra") == 0
    machine.run("gunicornctl status extra", check=4)
    machine.run("gunicornctl start extra", check=5)
    machine.run(f"mv {FILE}.bak {FILE} && gunicornctl sync")
    assert machine.output(ask) == "ok"


def test_logs_are_followed_across_a_rotation(extra: Machine) -> None:
    machine = extra
    ask = "curl -s --unix-socket /run/gunicorn/extra/socket http://x"
    assert "Booting worker" in machine.output("gunicornctl logs --lines 100 extra")
    machine.run(
        "setsid gunicornctl logs -f --access extra >/run/followed 2>&1 </dev/null & "
        "echo $! >/run/pid"
    )
    try:
        for path in ("/one", "/two"):
            machine.run(f"{ask}{path}")
            wait_until(
                lambda path=path: f"GET {path} " in machine.output("cat /run/followed"),
                lambda: machine.output("cat /run/followed"),
            )
            machine.run("logrotate --force /etc/logrotate.d/gunicorn")
    finally:
        machine.run("kill $(cat /run/pid); rm /run/followed /run/pid")


def test_show_audit_and_check(extra: Machine) -> None:
    machine = extra
    machine.run(f"mkdir {FILE}.d && echo 'timeout = 7' > {FILE}.d/own.conf")
    shown = machine.output("gunicornctl show --origin extra")
    assert any(f"{FILE}.d/own.conf:1" in line and "7" in line for line in shown.splitlines())
    machine.run(f"rm -r {FILE}.d")
    machine.run("gunicornctl audit")
    assert "extra: ok" in machine.output("gunicornctl check --all").splitlines()


def test_nginx_takes_what_is_printed_for_it(extra: Machine) -> None:
    machine = extra
    conf = "/etc/nginx/sites-enabled/extra"
    machine.run(f"gunicornctl nginx extra --server-name extra.test > {conf}")
    try:
        machine.run("nginx -t && systemctl reload nginx")
        wait_until(
            lambda: machine.output("curl -s -H 'Host: extra.test' http://127.0.0.1/") == "ok",
            "nginx leads to the site",
        )
    finally:
        machine.run(f"rm {conf} && systemctl reload nginx")


def test_a_converted_file_serves(extra: Machine) -> None:
    machine = extra
    machine.write("/var/backups/old", OLD)
    machine.run("gunicornctl convert /var/backups/old > /var/backups/extra.conf")
    machine.run("gunicornctl check /var/backups/extra.conf")
    machine.write(FILE, machine.output("cat /var/backups/extra.conf") + "\n")
    machine.run("gunicornctl restart extra && rm /var/backups/old /var/backups/extra.conf")
    assert len(machine.workers("gunicorn@extra")) == 2
    main = machine.main_pid("gunicorn@extra")
    assert "COLOUR=blue" in machine.output(f"tr '\\0' '\\n' < /proc/{main}/environ")
