"""What is there right after `apt-get install`: account, units, files, a page that answers."""

from __future__ import annotations

from typing import Any

import pytest

from integration.door import Door
from integration.machine import Machine
from integration.waiting import wait_until

VERSION = "2026.11.0"


def test_welcome_site_answers_right_after_installation(machine_of: Any, suite: str) -> None:
    machine = machine_of(suite)
    machine.run("apt-get install -y /packages/*.deb")
    # No waiting: the installation ends when the site serves.
    headers, _, body = machine.output("curl --silent --include http://127.0.0.1:8000/").partition(
        "\n\n"
    )
    assert headers.startswith("HTTP/1.1 200 ")
    assert "Server: gunicorn" in headers
    assert "/etc/gunicorn.d" in body
    assert machine.output("gunicornctl list").splitlines()[1].split()[:2] == ["welcome", "running"]


def test_installing_over_the_archives_own_package_is_an_upgrade(
    machine_of: Any, suite: str
) -> None:
    machine = machine_of(suite)
    with Door(machine):
        machine.run("apt-get update")
        machine.run("apt-get install -y --no-install-recommends gunicorn")
    before = machine.output("dpkg-query -W -f '${Version}' gunicorn")
    assert before != VERSION
    machine.run("apt-get install -y /packages/*.deb")
    after = machine.output(
        "apt-cache policy gunicorn python3-gunicorn | grep -E 'Installed|Candidate'"
    )
    assert after.split()[1::2] == [VERSION] * 4, "the archive's version would take ours away again"
    assert VERSION in machine.output("gunicorn --version")


@pytest.mark.parametrize("name", ["gunicorn", "python3-gunicorn"])
def test_package_is_installed(host: Any, name: str) -> None:
    assert host.package(name).is_installed
    assert host.package(name).version == VERSION


def test_account_has_no_login_and_no_home(host: Any) -> None:
    user = host.user("gunicorn")
    assert user.exists
    assert user.uid < 1000
    assert user.groups == ["gunicorn"]
    assert user.shell == "/usr/sbin/nologin"
    assert user.home == "/nonexistent"


@pytest.mark.parametrize(
    ("path", "owner", "group", "mode"),
    [
        ("/etc/gunicorn", "root", "root", 0o755),
        ("/etc/gunicorn.d", "root", "root", 0o755),
        ("/etc/gunicorn.d/README", "root", "root", 0o644),
        ("/etc/gunicorn.d/welcome.conf", "root", "root", 0o644),
        ("/usr/bin/gunicorn", "root", "root", 0o755),
        ("/usr/bin/gunicornctl", "root", "root", 0o755),
        ("/etc/init.d/gunicorn", "root", "root", 0o755),
        ("/etc/logrotate.d/gunicorn", "root", "root", 0o644),
        ("/run/gunicorn", "root", "root", 0o755),
        ("/var/log/gunicorn", "root", "root", 0o755),
        ("/run/gunicorn/shop", "shop", "www-data", 0o2750),
        ("/run/gunicorn/shop/socket", "shop", "www-data", 0o660),
        ("/run/gunicorn/shop/control", "shop", None, 0o600),
        ("/run/gunicorn/shop/gunicorn.pid", "shop", None, None),
        ("/var/log/gunicorn/shop", "shop", "shop", 0o750),
        ("/var/log/gunicorn/shop/error.log", "shop", "shop", 0o640),
        ("/var/log/gunicorn/shop/access.log", "shop", "shop", 0o640),
    ],
)
def test_file_belongs_to_whom_it_should(
    host: Any, path: str, owner: str, group: str | None, mode: int | None
) -> None:
    file = host.file(path)
    assert file.exists
    assert file.user == owner
    if group is not None:
        assert file.group == group
    if mode is not None:
        assert oct(file.mode) == oct(mode)


def test_units_run_and_come_back_at_boot(host: Any) -> None:
    umbrella = host.service("gunicorn")
    assert umbrella.is_enabled
    assert umbrella.is_running
    for name in ("shop", "blog", "welcome"):
        assert host.service(f"gunicorn@{name}").is_running
    assert host.run("systemctl --failed --no-legend").stdout == ""


def test_units_are_what_systemd_understands(fleet: Machine) -> None:
    done = fleet.run("systemd-analyze verify --man=no gunicorn.service gunicorn@shop.service")
    assert done.stderr + done.stdout == ""


def test_sandbox_is_tight(fleet: Machine) -> None:
    line = fleet.output("systemd-analyze security --no-pager gunicorn@shop.service | tail -n 1")
    exposure = float(line.split(":")[1].split()[0])
    assert exposure <= 2.0, line


def test_sites_listen_where_they_say(host: Any) -> None:
    assert host.socket("tcp://127.0.0.1:8000").is_listening
    for name in ("shop", "blog"):
        assert host.socket(f"unix:///run/gunicorn/{name}/socket").is_listening


def test_nothing_unexpected_in_the_logs(fleet: Machine) -> None:
    journal = fleet.output(
        "journalctl --boot --no-pager -u 'gunicorn*' | grep -i -E 'traceback|error|denied' || true"
    )
    assert journal == ""
    for name in ("shop", "blog", "welcome"):
        wait_until(
            # also before a rotation, which another test may have made
            lambda name=name: fleet.output(f"zcat -f /var/log/gunicorn/{name}/error.log*"),
            f"{name} has said something",
        )
        text = fleet.output(f"cat /var/log/gunicorn/{name}/error.log")
        assert "Traceback" not in text
        assert "[ERROR]" not in text
