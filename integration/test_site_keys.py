"""Keys of site files on a booted machine: each does there what the manual says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.door import Door
from integration.machine import Machine

FILE = "/etc/gunicorn.d/keys.conf"
UNIT = "gunicorn@keys"
SOCKET = "/run/gunicorn/keys/socket"
HEAD = 'user = "shop"\nchdir = "/srv/shop"\nwritable = "/srv/shop/data"\n'
ENV = '[env]\nDJANGO_SETTINGS_MODULE = "shop.settings"\nSHOP_SECRET = "keys"\n'
WSGI = f'app = "shop.wsgi:application"\n{HEAD}'

PASTE_INI = """\
[app:main]
use = call:pasted:make

[server:main]
use = egg:gunicorn#main
workers = 2
"""
PASTED = """\
import os


def make(config, **settings):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"pasted, worker of {os.getppid()}".encode()]

    return application
"""


@pytest.fixture
def machine(fleet: Machine) -> Iterator[Machine]:
    yield fleet
    fleet.run(
        f"gunicornctl stop keys; rm -rf {FILE} {FILE}.d /etc/gunicorn/defaults.conf", check=None
    )
    fleet.run("gunicornctl sync")


def serve(machine: Machine, text: str) -> None:
    machine.write(FILE, text)
    machine.run("gunicornctl sync")
    assert machine.output(f"systemctl is-active {UNIT}") == "active"


def page(machine: Machine, path: str = "/") -> str:
    return machine.output(f"curl -sS -L --unix-socket {SOCKET} http://shop.test{path}")


def properties(machine: Machine, *names: str) -> dict[str, str]:
    lines = machine.output(f"systemctl show {UNIT} -p {','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_mode_django(machine: Machine) -> None:
    serve(machine, f'mode = "django"\napp = "shop.settings"\n{HEAD}{ENV}')
    assert "csrfmiddlewaretoken" in page(machine, "/admin/login/")


def test_mode_paster(machine: Machine) -> None:
    with Door(machine):
        machine.run("apt-get update -qq && apt-get install -y python3-pastedeploy")
    machine.write("/srv/shop/site.ini", PASTE_INI)
    machine.write("/srv/shop/pasted.py", PASTED)
    try:
        serve(machine, f'mode = "paster"\napp = "/srv/shop/site.ini"\n{HEAD}')
        assert page(machine) == f"pasted, worker of {machine.main_pid(UNIT)}"
        assert len(machine.workers(UNIT)) == 2
    finally:
        machine.run("rm /srv/shop/site.ini /srv/shop/pasted.py")


def test_python_config_is_read_by_the_sites_own_master(machine: Machine) -> None:
    machine.write(
        "/srv/shop/gunicorn.conf.py",
        "import os\nworkers = 1 + 2\nproc_name = f'uid-{os.geteuid()}'\n",
    )
    try:
        serve(machine, f'{WSGI}config = "/srv/shop/gunicorn.conf.py"\n{ENV}')
        uid = machine.output("id -u shop")
        assert len(machine.workers(UNIT)) == 3
        assert f"master [uid-{uid}]" in machine.output(f"ps -o args= -p {machine.main_pid(UNIT)}")
    finally:
        machine.run("rm /srv/shop/gunicorn.conf.py")


def test_defaults_are_overridden_by_the_site_and_the_site_by_its_drop_ins(machine: Machine) -> None:
    machine.write("/etc/gunicorn/defaults.conf", "workers = 2\nkeepalive = 7\ntimeout = 50\n")
    machine.run(f"mkdir {FILE}.d")
    machine.write(f"{FILE}.d/10-more.conf", "workers = 4\n")
    serve(machine, f"{WSGI}timeout = 60\n{ENV}")
    shown = machine.output("gunicornctl show keys --origin")
    origins = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    for key, value, place in (
        ("workers", "4", f"{FILE}.d/10-more.conf:1"),
        ("timeout", "60", f"{FILE}:5"),
        ("keepalive", "7", "/etc/gunicorn/defaults.conf:2"),
    ):
        assert value in origins[key].split(), shown
        assert place in origins[key], shown
    assert len(machine.workers(UNIT)) == 4


def test_limits_and_patience_are_properties_of_the_unit(machine: Machine) -> None:
    serve(
        machine,
        f"{WSGI}graceful_timeout = 70\nboot_timeout = 80\n{ENV}"
        '[limits]\nmemory_max = "512M"\ntasks_max = 40\ncpu_quota = "50%"\nnofile = 2048\n',
    )
    assert properties(machine, "MemoryMax", "TasksMax", "CPUQuotaPerSecUSec", "LimitNOFILE") == {
        "MemoryMax": str(512 << 20),
        "TasksMax": "40",
        "CPUQuotaPerSecUSec": "500ms",
        "LimitNOFILE": "2048",
    }
    assert "2048" in machine.output(f"grep 'open files' /proc/{machine.main_pid(UNIT)}/limits")
    found = properties(
        machine, "TimeoutStopUSec", "TimeoutStartUSec", "Type", "Restart", "WatchdogUSec"
    )
    assert (found["Type"], found["Restart"]) == ("notify", "on-failure")
    assert found["TimeoutStopUSec"] == "1min 25s"
    assert found["TimeoutStartUSec"] == "1min 50s"
    assert found["WatchdogUSec"] not in ("0", "infinity")


def test_socket_is_for_the_group_that_the_file_names(machine: Machine) -> None:
    serve(machine, f'{WSGI}socket_group = "blog"\nsocket_mode = 0o666\n{ENV}')
    assert machine.output(f"stat -c '%U %G %a' {SOCKET}") == "shop blog 666"


def test_preloaded_site_reloads_its_code_in_the_sandbox(machine: Machine) -> None:
    machine.write("/srv/shop/changing.py", PASTED.replace("pasted", "first") + "app = make({})\n")
    try:
        serve(machine, f'app = "changing:app"\npreload_app = true\nworkers = 2\n{HEAD}')
        master = machine.main_pid(UNIT)
        assert page(machine).startswith("first")
        machine.write(
            "/srv/shop/changing.py", PASTED.replace("pasted", "second") + "app = make({})\n"
        )
        machine.run(f"systemctl reload {UNIT}")
        assert page(machine).startswith("second")
        machine.write("/srv/shop/changing.py", "nonsense(\n")
        failed = machine.run(f"systemctl reload {UNIT}", check=None)
        assert failed.returncode != 0
        assert page(machine).startswith("second")
        assert machine.main_pid(UNIT) == master
    finally:
        machine.run("rm /srv/shop/changing.py")


def test_delegated_file_runs_as_its_owner_and_opens_nothing(machine: Machine) -> None:
    text = 'app = "shop.wsgi:application"\nchdir = "/srv/shop"\n'
    machine.write(FILE, text + ENV, owner="shop")
    machine.run("gunicornctl sync", check=None)
    assert "belongs to uid" in machine.run("gunicornctl check keys", check=78).stderr

    machine.write("/etc/gunicorn/defaults.conf", 'delegate = ["shop"]\n')
    machine.run("gunicornctl sync")
    assert machine.output(f"systemctl is-active {UNIT}") == "active"
    assert machine.output(f"ps -o user= -p {machine.main_pid(UNIT)}") == "shop"

    for closed in ('user = "blog"\n', 'bind = "127.0.0.1:80"\n', 'errorlog = "/srv/shop/e.log"\n'):
        machine.write(FILE, closed + text + ENV, owner="shop")
        refused = machine.run("gunicornctl check keys", check=78).stderr
        assert f"{FILE}:1: {closed.split()[0]}: not in a delegated file" in refused
    assert machine.output(f"systemctl is-active {UNIT}") == "active", "what runs goes on"
