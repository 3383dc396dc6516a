"""A new version of the package, or a new Python under it: what passes moves, what fails stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import bases
from integration.conftest import NEWER, VERSION
from integration.load import Load
from integration.machine import Machine
from integration.waiting import wait_until

APP = """
import gunicorn
def app(environ, start_response):
    body = gunicorn.__version__.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
#: what only the site's own virtualenv can import
OWN = "import own_package\n"

SITE = """app = "application:app"
user = "gunicorn"
chdir = "/srv/{name}"
bind = "127.0.0.1:{port}"
workers = 2
"""
PORTS = {"one": 8101, "two": 8102, "broken": 8103, "mistyped": 8104, "own": 8105}


@pytest.fixture(scope="module")
def upgraded(suite: str, packages: Path, newer_packages: Path) -> Iterator[Machine]:
    binds = {packages: "/packages", newer_packages: "/newer"}
    with Machine(f"upgrade-{suite}", bases.base(suite), binds=binds) as machine:
        machine.run("apt-get install -y /packages/*.deb")
        machine.run(
            "python3 -m venv --without-pip /srv/venv && "
            "cd /srv/venv/lib/python3*/site-packages && touch own_package.py"
        )
        for name, port in PORTS.items():
            machine.run(f"install -d /srv/{name}")
            python = 'python = "/srv/venv"\n' if name == "own" else ""
            machine.write(f"/srv/{name}/application.py", (OWN if python else "") + APP)
            machine.write(
                f"/etc/gunicorn.d/{name}.conf", SITE.format(name=name, port=port) + python
            )
        machine.run("gunicornctl sync")
        yield machine


def mains(machine: Machine) -> dict[str, int]:
    return {name: machine.main_pid(f"gunicorn@{name}") for name in PORTS}


def answer(machine: Machine, name: str) -> str:
    return machine.output(f"curl -sf http://127.0.0.1:{PORTS[name]}/")


def table(said: str) -> dict[str, str]:
    """Site -> what the table in the output of apt says of it."""
    lines = said.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("SITE "))
    rows = [line.split(None, 1) for line in lines[first + 1 :]]
    return {row[0]: row[1] for row in rows if row and row[0] in (*PORTS, "welcome")}


@pytest.fixture
def failing(upgraded: Machine) -> Iterator[None]:
    """Two sites run that could not start again."""
    upgraded.write("/srv/broken/application.py", "import no_such_module\n")
    text = SITE.format(name="mistyped", port=PORTS["mistyped"])
    upgraded.write("/etc/gunicorn.d/mistyped.conf", text + "tiemout = 5\n")
    yield
    upgraded.write("/srv/broken/application.py", APP)
    upgraded.write("/etc/gunicorn.d/mistyped.conf", text)


def test_upgrade_under_load_and_the_way_back(upgraded: Machine, failing: None) -> None:
    machine = upgraded
    for directory, version in (("/newer", NEWER), ("/packages", VERSION)):
        before = mains(machine)
        with (
            Load(machine, "one", "/", port=PORTS["one"]) as one,
            Load(machine, "broken", "/", port=PORTS["broken"], threads=2) as broken,
        ):
            one.more(100)
            done = machine.run(f"apt-get install -y --allow-downgrades {directory}/*.deb")
            one.more(100)
            broken.more(20)
            reports = [one.stop(), broken.stop()]
        assert [report["failures"] for report in reports] == [[], []]
        said = done.stdout + done.stderr
        verdicts = table(done.stdout)
        assert verdicts.pop("broken").startswith("kept old  ModuleNotFoundError")
        assert verdicts["mistyped"].startswith("kept old")
        assert "/etc/gunicorn.d/mistyped.conf:6: " in verdicts.pop("mistyped")
        assert verdicts == dict.fromkeys(["one", "own", "two", "welcome"], "moved")
        assert "gunicornctl upgrade broken mistyped" in said
        after = mains(machine)
        for name in ("broken", "mistyped"):
            assert after[name] == before[name]
            assert answer(machine, name) == VERSION, "the process it had, with the code it had"
        for name in ("one", "own", "two"):
            assert after[name] != before[name]
            assert answer(machine, name) == version
        assert machine.output("systemctl --failed --no-legend") == ""


def test_site_that_stayed_goes_on_after_the_death_of_a_worker(
    upgraded: Machine, failing: None
) -> None:
    machine = upgraded
    machine.write("/srv/broken/application.py", "import no_such_module\n")
    machine.run("apt-get install -y /newer/*.deb")
    machine.write("/srv/broken/application.py", APP)
    unit = "gunicorn@broken"
    main, workers = machine.main_pid(unit), machine.workers(unit)
    machine.run(["kill", "-KILL", str(workers[0])])
    wait_until(
        lambda: workers[0] not in machine.workers(unit) and len(machine.workers(unit)) == 2,
        "a new worker in the place of the dead one",
    )
    wait_until(lambda: answer(machine, "broken"), "it answers")
    machine.run("gunicornctl upgrade broken")
    assert machine.main_pid(unit) != main
    assert answer(machine, "broken") == NEWER
    machine.run("apt-get install -y --allow-downgrades /packages/*.deb")


def test_new_python_moves_sites_and_lists_those_whose_interpreter_has_gone(
    upgraded: Machine,
) -> None:
    """What dpkg does when a package replaces or removes the path; then a site mended by hand."""
    machine = upgraded
    before = mains(machine)
    machine.run("mv /srv/venv/bin /srv/venv/bin.gone")
    machine.run("dpkg-trigger --by-package=python3-minimal /usr/bin/python3")
    done = machine.run("dpkg --triggers-only --pending")
    verdicts = table(done.stdout)
    assert verdicts["own"] == "kept old  /srv/venv/bin/python: No such file or directory"
    assert verdicts["one"] == "moved"
    after = mains(machine)
    assert [name for name in PORTS if after[name] == before[name]] == ["own"]
    assert answer(machine, "own") == VERSION

    machine.run("mv /srv/venv/bin.gone /srv/venv/bin && gunicornctl upgrade own")
    assert mains(machine)["own"] != before["own"]


def test_upgrade_without_any_site_is_quiet(upgraded: Machine) -> None:
    machine = upgraded
    aside = "/var/backups/aside"
    machine.run(f"mkdir {aside} && mv /etc/gunicorn.d/*.conf {aside} && gunicornctl sync")
    for directory in ("/newer", "/packages"):
        done = machine.run(f"apt-get install -y --allow-downgrades {directory}/*.deb")
        assert "site" not in (done.stdout + done.stderr).lower()
    machine.run(f"mv {aside}/* /etc/gunicorn.d && gunicornctl sync")
    assert answer(machine, "one") == VERSION


def test_site_stopped_by_hand_stays_stopped(upgraded: Machine) -> None:
    machine = upgraded
    machine.run("gunicornctl stop two")
    machine.run("apt-get install -y /newer/*.deb")
    assert machine.output("systemctl is-active gunicorn@two || true") == "inactive"
    machine.run("apt-get install -y --allow-downgrades /packages/*.deb && gunicornctl start two")
    assert answer(machine, "two") == VERSION
