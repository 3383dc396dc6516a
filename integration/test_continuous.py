"""Everything at once on a site that people use: reloads, restarts, deaths, rotations, neighbours.

$GUNICORN_LOAD_SECONDS says for how long, 30 by default; the promise is held for five minutes (300)
before a release. Not a request fails, and each has its line in the access log.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from integration.load import Load
from integration.machine import Machine
from integration.test_broken_sites import FILE, GOOD
from integration.waiting import wait_until

SECONDS = float(os.environ.get("GUNICORN_LOAD_SECONDS", "30"))
PATH = "/version?continuous"
UNIT = "gunicorn@shop"
#: as shipped, but what twelve rotations leave behind is kept, to be counted
STANZA = "/etc/gunicorn/rotate-all"
LOGS = "/var/log/gunicorn/shop/access.log"


@pytest.fixture
def machine(fleet: Machine) -> Iterator[Machine]:
    fleet.run(f"sed 's/rotate 12/rotate 10000/' /etc/logrotate.d/gunicorn > {STANZA}")
    yield fleet
    fleet.run(f"rm -f {STANZA} {FILE} {LOGS}.[0-9]*.gz && gunicornctl sync")


class Rotation(threading.Thread):
    """logrotate, forced once a second until told to stop."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.ended = threading.Event()
        self.count = 0
        self.complaints: list[str] = []

    def run(self) -> None:
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1.0, time.monotonic())
            done = self.machine.run(f"logrotate --force {STANZA}", check=None)
            self.count += 1
            if done.returncode or done.stderr:
                self.complaints.append(done.stderr)

    def __enter__(self) -> Rotation:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


def die(machine: Machine) -> None:
    master = machine.main_pid(UNIT)
    machine.run(f"kill -KILL {master}")
    wait_until(lambda: machine.main_pid(UNIT) not in (0, master), "systemd has started another")
    wait_until(
        lambda: machine.output(f"systemctl is-active {UNIT} || true") == "active",
        lambda: machine.output(f"systemctl status --no-pager {UNIT} || true"),
        60,
    )


def add(machine: Machine) -> None:
    machine.write(FILE, GOOD)
    machine.run("gunicornctl sync")


def break_and_remove(machine: Machine) -> None:
    machine.write(FILE, GOOD + "tiemout = 5\n")
    machine.run("gunicornctl sync", check=1)
    machine.run(f"rm {FILE} && gunicornctl sync")


EVENTS = {
    "reload": lambda machine: machine.run(f"systemctl reload {UNIT}"),
    "add a site": add,
    "restart": lambda machine: machine.run("gunicornctl restart shop"),
    "kill -9": die,
    "break and remove a site": break_and_remove,
}


def lines(machine: Machine) -> int:
    return int(machine.output(f"zgrep --no-filename --fixed-strings '{PATH}' {LOGS}* | wc -l"))


def story(machine: Machine) -> str:
    """What proxy, service manager and site say of it, for whoever has to find out."""
    return machine.output(
        "grep -v 'signal process' /var/log/nginx/error.log | tail -n 8; "
        f"journalctl --no-pager -o short-precise -u {UNIT} | tail -n 150; "
        f"zcat --force {LOGS.replace('access', 'error')}* | sort | tail -n 300"
    )


def test_nothing_is_lost_whatever_happens(machine: Machine) -> None:
    happened: Counter[str] = Counter()
    with (
        Load(machine, "shop.test", PATH, seconds=SECONDS + 300) as load,
        Rotation(machine) as rotation,
    ):
        load.more(50)
        deadline = time.monotonic() + SECONDS
        while not happened or time.monotonic() < deadline:
            for name, event in EVENTS.items():
                event(machine)
                happened[name] += 1
                load.more(20)
        report = load.stop()
    figures = (
        f"{report['requests']} requests, {len(report['failures'])} failed, the longest took "
        f"{report['longest']} s; {rotation.count} rotations; {dict(happened)}"
    )
    print(figures)
    assert report["failures"] == [], f"{figures}\n{story(machine)}"
    assert rotation.complaints == [], figures
    # the line of a request is written after its answer has gone out
    wait_until(lambda: lines(machine) >= report["requests"], lambda: f"{lines(machine)}", 20)
    assert lines(machine) == report["requests"], figures
    assert rotation.count >= SECONDS / 4, figures
