"""The same site files without systemd: `gunicornctl run` in a container, and the init script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from integration.machine import Machine
from integration.waiting import wait_until

APP = """
import os
def app(environ, start_response):
    body = ("%d %d" % (os.getpid(), os.getuid())).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def machine(machine_of: Callable[..., Machine], suite: str) -> Iterator[Machine]:
    machine = machine_of(suite, init=False)
    machine.run("apt-get install -y /packages/*.deb")
    machine.run("rm /etc/gunicorn.d/welcome.conf")
    for name in ("one", "two"):
        machine.run(f"adduser --system --group --quiet --no-create-home --home /srv/{name} {name}")
        machine.run(f"install -d /srv/{name}")
        machine.write(f"/srv/{name}/application.py", APP)
        machine.write(f"/etc/gunicorn.d/{name}.conf", site(name))
    yield machine
    assert machine.output("ps -eo args= | grep -c '^gunicorn: ' || true") == "0"


def site(name: str, more: str = "") -> str:
    return f'app = "application:app"\nuser = "{name}"\nchdir = "/srv/{name}"\n{more}'


def sites(machine: Machine) -> dict[str, dict[str, object]]:
    found = json.loads(machine.output("gunicornctl list --json"))["sites"]
    return {one["name"]: one for one in found}


def ask(machine: Machine, name: str) -> list[int]:
    """The pid and uid of the worker that answers."""
    command = f"curl -sf --max-time 10 --unix-socket /run/gunicorn/{name}/socket http://x/"
    return [int(word) for word in machine.output(command).split()]


def test_sites_run_in_the_foreground(machine: Machine) -> None:
    machine.run("setsid gunicornctl run --all >/run/log 2>&1 </dev/null & echo $! >/run/pid")
    wait_until(
        lambda: machine.run("gunicornctl status one two", check=None).returncode == 0,
        lambda: machine.output("cat /run/log"),
    )
    for name in ("one", "two"):
        assert ask(machine, name)[1] == int(machine.output(f"id -u {name}"))
    # neither reaches the other's socket, logs or environment
    for command in (
        "curl -sf --unix-socket /run/gunicorn/one/socket http://x/",
        "cat /var/log/gunicorn/one/error.log",
        f"cat /proc/{sites(machine)['one']['pid']}/environ",
    ):
        assert machine.run(command, user="two", check=None).returncode != 0

    before = sites(machine)
    machine.write("/srv/one/application.py", APP.replace("%d %d", "0%d %d"))
    machine.run("gunicornctl reload one")
    machine.write("/srv/one/application.py", "oops")
    assert "NameError" in machine.run("gunicornctl reload one", check=1).stderr
    assert ask(machine, "one")[0] > 0

    machine.write("/etc/gunicorn.d/three.conf", site("two"))
    machine.write("/etc/gunicorn.d/four.conf", site("two", "tiemout = 5\n"))
    synced = machine.run("gunicornctl sync", check=1)
    assert "/etc/gunicorn.d/four.conf:4: " in synced.stderr
    assert "site three: started" in synced.stdout
    machine.run("rm /etc/gunicorn.d/three.conf /etc/gunicorn.d/four.conf && gunicornctl sync")
    assert sorted(sites(machine)) == ["one", "two"]
    assert sites(machine)["two"]["pid"] == before["two"]["pid"]

    machine.run("logrotate -f /etc/logrotate.d/gunicorn")
    ask(machine, "two")
    assert machine.output("wc -l < /var/log/gunicorn/two/access.log") == "1"
    assert machine.output("stat -c %U:%a /var/log/gunicorn/two/access.log") == "two:640"

    machine.run("kill -TERM $(cat /run/pid)")
    wait_until(
        lambda: machine.run("kill -0 $(cat /run/pid)", check=None).returncode != 0,
        "the supervisor has ended",
    )
    assert "Traceback" not in machine.output("cat /run/log")
    assert machine.output("ls /run/gunicorn/one /run/gunicorn/two | grep -v :") == ""


def test_the_init_script(machine: Machine) -> None:
    machine.run("service gunicorn start")
    wait_until(
        lambda: machine.run("gunicornctl status one two", check=None).returncode == 0,
        "both sites run",
    )
    first = ask(machine, "one")[0]
    machine.run("service gunicorn status")
    machine.run("service gunicorn reload")
    assert ask(machine, "one")[0] != first
    machine.run("gunicornctl stop one")
    assert machine.run("gunicornctl status one", check=3)
    machine.run("service gunicorn stop")
    assert machine.run("service gunicorn status", check=None).returncode == 3
