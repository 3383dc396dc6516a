"""Every process of a site is its user's and no more, and sites are closed to each other."""

from __future__ import annotations

import json
import re

import pytest

from integration.browser import Browser
from integration.machine import CommandError, Machine

SITES = ("shop", "blog")
STRANGERS = [("shop", "blog"), ("blog", "shop")]


def status_of(machine: Machine, pid: int) -> dict[str, str]:
    text = machine.output(f"cat /proc/{pid}/status")
    return dict(re.findall(r"^(\w+):\t(.*)$", text, re.M))


def processes(machine: Machine, name: str) -> list[int]:
    pids = machine.pids(f"gunicorn@{name}")
    assert len(pids) == 3, f"a master and two workers, not {pids}"
    assert machine.main_pid(f"gunicorn@{name}") in pids
    return pids


@pytest.mark.parametrize("name", SITES)
def test_every_process_is_the_sites_user_without_privilege(fleet: Machine, name: str) -> None:
    uid, gid = fleet.output(f"id -u {name}; id -g {name}").split()
    for pid in processes(fleet, name):
        status = status_of(fleet, pid)
        assert status["Uid"].split() == [uid] * 4
        assert status["Gid"].split() == [gid] * 4
        assert status["Groups"].split() in ([], [gid])
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, f"{kind} of {pid}"
        assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("name", SITES)
def test_application_itself_sees_the_same(fleet: Machine, name: str) -> None:
    with Browser(fleet, f"{name}.test") as browser:
        facts = json.loads(browser.get("/environment").text)
    assert facts["user"] == int(fleet.output(f"id -u {name}"))
    assert facts["group"] == int(fleet.output(f"id -g {name}"))
    assert set(facts["groups"]) <= {facts["group"]}


def test_titles_name_the_site(fleet: Machine) -> None:
    """By setproctitle of the archive; a virtualenv brings its own or does without."""
    main = fleet.main_pid("gunicorn@shop")
    assert fleet.output(f"tr -d '\\0' < /proc/{main}/cmdline") == "gunicorn: master [shop]"
    for pid in fleet.workers("gunicorn@shop"):
        assert fleet.output(f"tr -d '\\0' < /proc/{pid}/cmdline") == "gunicorn: worker [shop]"


@pytest.mark.parametrize(("owner", "stranger"), STRANGERS)
@pytest.mark.parametrize(
    "path",
    [
        "/run/gunicorn/{0}",
        "/run/gunicorn/{0}/gunicorn.pid",
        "/var/log/gunicorn/{0}",
        "/var/log/gunicorn/{0}/access.log",
        "/var/log/gunicorn/{0}/error.log",
        "/srv/{0}",
    ],
)
def test_stranger_cannot_read(fleet: Machine, owner: str, stranger: str, path: str) -> None:
    done = fleet.run(
        f"ls {path.format(owner)} && cat {path.format(owner)}", user=stranger, check=None
    )
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize(("owner", "stranger"), STRANGERS)
@pytest.mark.parametrize("socket", ["socket", "control"])
def test_stranger_cannot_connect(fleet: Machine, owner: str, stranger: str, socket: str) -> None:
    script = (
        "import socket\n"
        f"try: socket.socket(socket.AF_UNIX).connect('/run/gunicorn/{owner}/{socket}')\n"
        "except PermissionError: print('refused')"
    )
    assert fleet.run(["python3", "-c", script], user=stranger).stdout == "refused\n"


@pytest.mark.parametrize(("owner", "stranger"), STRANGERS)
def test_stranger_cannot_read_the_environment(fleet: Machine, owner: str, stranger: str) -> None:
    for pid in processes(fleet, owner):
        done = fleet.run(f"cat /proc/{pid}/environ", user=stranger, check=None)
        assert done.returncode != 0
        assert "Permission denied" in done.stderr
    unit = fleet.run(
        f"systemctl show gunicorn@{owner}; systemctl cat gunicorn@{owner}", user=stranger
    ).stdout
    assert f"{owner}-only" not in unit, "systemd shows the environment of its units to everybody"


def test_site_file_with_secrets_is_for_its_group_only(fleet: Machine) -> None:
    with pytest.raises(CommandError, match="Permission denied"):
        fleet.run("cat /etc/gunicorn.d/blog.conf", user="shop")
    fleet.run("grep -q blog-only /etc/gunicorn.d/blog.conf", user="blog")


def test_proxy_can_connect_by_its_group_only(fleet: Machine) -> None:
    for name in SITES:
        done = fleet.run(
            f"curl --silent -o /dev/null -w '%{{http_code}}' "
            f"--unix-socket /run/gunicorn/{name}/socket http://{name}.test/version",
            user="www-data",
        )
        assert done.stdout == "200"
        assert (
            fleet.run(f"ls /var/log/gunicorn/{name}", user="www-data", check=None).returncode != 0
        )


@pytest.mark.parametrize("name", SITES)
def test_sandbox_of_the_running_unit(fleet: Machine, name: str) -> None:
    """From inside the unit's mount namespace only its own directories can be written."""
    main = fleet.main_pid(f"gunicorn@{name}")
    inside = f"nsenter -t {main} -m setpriv --reuid={name} --regid={name} --init-groups"
    for path in (f"/run/gunicorn/{name}", f"/var/log/gunicorn/{name}", "/tmp"):
        fleet.run(f"{inside} sh -c 'touch {path}/probe && rm {path}/probe'")
    for path in (f"/srv/{name}", "/etc", "/var/lib", "/run/gunicorn"):
        assert fleet.run(f"{inside} touch {path}/probe", check=None).returncode != 0
    assert fleet.run("ls /tmp/probe", check=None).returncode != 0
