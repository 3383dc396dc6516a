"""Removal stops everything, purge leaves nothing of ours; what the administrator wrote stays."""

from __future__ import annotations

from typing import Any

import pytest

from integration.machine import Machine

SITE = """
app = "gunicorn.sites.welcome:application"
user = "own"
bind = ["unix:/run/gunicorn/own/socket", "127.0.0.1:8004"]
"""

#: every name on the machine with ours in it, apart from what has no business here: package lists
#: and caches, documentation of others, and the kernel's own trees
OURS = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /packages -o -path /var/lib/apt "
    "-o -path /var/cache -o -path /var/lib/dpkg \\) -prune -o -iname '*gunicorn*' -print"
)
TREES = (
    "find /etc /run /var/log /var/lib /usr /tmp -xdev \\( -path /var/lib/dpkg "
    "-o -path /var/lib/apt -o -path /var/log/journal -o -path /run/log \\) -prune -o -print"
)
#: what adduser and dpkg themselves leave: backups of the account files
BACKUPS = {f"/etc/{name}-" for name in ("group", "gshadow", "passwd", "shadow", "subuid", "subgid")}


def installed(machine: Machine) -> Machine:
    machine.run("apt-get install -y /packages/*.deb")
    machine.run("adduser --system --group --quiet --no-create-home --home /nonexistent own")
    machine.write("/etc/gunicorn.d/own.conf", SITE)
    machine.run("gunicornctl sync")
    assert machine.output("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8004/") == "200"
    return machine


def processes(machine: Machine) -> str:
    return machine.output(
        "ps -eo user:20,args | grep -i -E 'gunicorn|^own ' | grep -v grep || true"
    )


def test_remove_stops_every_site_and_keeps_configuration_and_logs(
    machine_of: Any, suite: str
) -> None:
    machine = installed(machine_of(suite))
    assert processes(machine)
    machine.run("apt-get remove -y gunicorn python3-gunicorn")
    assert processes(machine) == ""
    assert machine.output("systemctl list-units --no-legend 'gunicorn*'") == ""
    assert machine.output("systemctl --failed --no-legend") == ""
    machine.run("test -e /etc/gunicorn.d/own.conf -a -e /etc/gunicorn.d/welcome.conf")
    machine.run("test -e /var/log/gunicorn/own/error.log")
    # what the removed package leaves behind does no harm
    machine.run("logrotate --force /etc/logrotate.d/gunicorn")
    machine.run("sh /etc/init.d/gunicorn stop")
    machine.run("systemctl daemon-reload")

    machine.run("apt-get install -y /packages/*.deb")
    assert machine.output("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8004/") == "200"


def test_purge_leaves_nothing_but_the_administrators_files(machine_of: Any, suite: str) -> None:
    machine = machine_of(suite)
    named, trees = set(machine.output(OURS).split()), set(machine.output(TREES).split())
    installed(machine)
    machine.run("apt-get purge -y gunicorn python3-gunicorn")

    assert processes(machine) == ""
    assert machine.output("systemctl list-units --all --no-legend 'gunicorn*'") == ""
    assert machine.output("systemctl list-unit-files --no-legend 'gunicorn*' || true") == ""
    assert machine.output("systemctl --failed --no-legend") == ""
    assert machine.output("ss -Hltnx | grep -E 'gunicorn|:800[0-9]' || true") == ""
    left = set(machine.output(OURS).split()) - named
    assert left == {"/etc/gunicorn.d"}
    assert machine.output("ls -A /etc/gunicorn.d") == "own.conf"
    new = {path for path in set(machine.output(TREES).split()) - trees if "systemd" not in path}
    new -= {path for path in new if path.startswith(("/var/log/apt", "/var/log/dpkg"))}
    # of /run only what carries our name (above): everything else there is of the moment
    new -= {path for path in new if path.startswith("/run/")}
    assert new <= {"/etc/gunicorn.d", "/etc/gunicorn.d/own.conf"} | BACKUPS


@pytest.mark.parametrize("suite", ["bookworm"])
def test_purge_of_a_machine_where_nothing_was_added_leaves_no_directory(
    machine_of: Any, suite: str
) -> None:
    machine = machine_of(suite)
    machine.run("apt-get install -y /packages/*.deb")
    machine.run("apt-get purge -y gunicorn python3-gunicorn")
    assert (
        machine.run(
            "ls -d /etc/gunicorn /etc/gunicorn.d /var/log/gunicorn /run/gunicorn", check=2
        ).stdout
        == ""
    )
