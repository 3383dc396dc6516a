"""Every command and every file of the manual, done by a reader on a booted machine, page by page.

One machine a suite, as it comes: the tutorial brings the server and nginx onto it, the other pages
begin where it ends. What a page changes is taken back after it. See tests/docs/blocks.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration import bases, fleet
from integration.door import Door
from integration.machine import Machine
from integration.pages import READER, Reader
from integration.waiting import wait_until
from tests.docs.blocks import DOCS, ROOT, blocks_of, pages

TUTORIAL = DOCS / "tutorial.rst"
CONTAINERS = DOCS / "containers.rst"
#: what pip may fetch; the machine has no other way to an index
WHEELS = ("flask==3.0.3", "setuptools", "wheel")
#: what pages change, and find again as the tutorial left it
STATE = "etc/gunicorn.d etc/gunicorn etc/nginx srv/shop"

ACTED = [
    page
    for page in pages()
    if page != TUTORIAL
    and any(b.commands for b in blocks_of(page) if b.language == "console" and not b.run_by)
]


class Desk:
    """A machine on which the tutorial has been done."""

    def __init__(self, machine: Machine):
        self.machine = machine
        #: root's commands of the tutorial, each with the seconds it took
        self.times: list[tuple[str, float]] = []

    def set_up(self) -> None:
        """Give it a reader, and do the tutorial."""
        machine = self.machine
        machine.write("/etc/dpkg/dpkg.cfg.d/hurry", "force-unsafe-io\n")
        machine.run("apt-get update && apt-get install -y adduser procps")
        machine.run(f"adduser --quiet --disabled-password --gecos '' {READER}")
        machine.write("/etc/pip.conf", "[global]\nno-index = true\nfind-links = /wheels\n")
        reader = Reader(machine, TUTORIAL)
        reader.read()
        self.times = reader.times
        # its port is the one that laptops use
        machine.run("gunicornctl remove --purge welcome")
        machine.run(f"mkdir -p /etc/gunicorn && tar -C / -cf /var/backups/state.tar {STATE}")

    def tidy(self) -> None:
        """Take back what a page has changed."""
        self.machine.run(
            "for name in $(ls /etc/gunicorn.d | sed -n 's/[.]conf$//p'); do"
            " case $name in shop) ;; *) gunicornctl remove --purge $name;; esac; done",
            check=None,
        )
        self.machine.run(
            f"cd / && rm -rf {STATE} /etc/systemd/system/gunicorn*.d"
            " && tar -xf /var/backups/state.tar && systemctl daemon-reload"
            " && gunicornctl restart shop && gunicornctl sync && systemctl restart nginx"
        )


@pytest.fixture(scope="module", params=bases.SUITES)
def desk(request: pytest.FixtureRequest, packages: Path) -> Iterator[Desk]:
    base = bases.base(request.param, bases.MINIMAL_BOOTABLE, variant="minbase")
    binds = {packages: "/srv/packages", fleet.wheels(request.param, *WHEELS): "/wheels"}
    with Machine(f"desk-{request.param}", base, binds=binds) as machine, Door(machine):
        made = Desk(machine)
        made.set_up()
        yield made


def test_first_answer_through_nginx_takes_ten_commands(desk: Desk) -> None:
    """Counted: root's commands and the application's file, from the first to curl."""
    steps: list[str] = []
    for block in blocks_of(TUTORIAL):
        if block.caption is not None:
            steps.append(f"write {block.caption}")
        for command in block.commands if block.language == "console" else ():
            steps.append(command.text)
            if command.answer == "Hello from the shop, over http":
                assert command.text.startswith("curl ")
                assert len(steps) <= 10
                for text, seconds in desk.times[: len(steps) - 1]:
                    print(f"{seconds:6.1f} s  {text}")
                return
    raise AssertionError("the tutorial never asks nginx")


@pytest.mark.parametrize("page", ACTED, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(desk: Desk, page: Path) -> None:
    try:
        Reader(desk.machine, page).read()
    finally:
        desk.tidy()


def test_image(machine_of: Callable[..., Machine], suite: str) -> None:
    """The image's instructions done one by one, then each command of the page: gunicornctl run."""
    machine = machine_of(suite, init=False)
    files = {block.caption: block.text for block in blocks_of(CONTAINERS) if block.is_file}
    commands = [
        command.text
        for block in blocks_of(CONTAINERS)
        if block.language == "console"
        for command in block.commands
    ]
    instructions = [line.split(None, 1) for line in files["Dockerfile"].splitlines()]
    with Door(machine):
        for word, rest in instructions:
            if word == "RUN":
                machine.run(rest)
            elif word == "COPY":
                source, target = rest.split()
                if source == "packages":
                    machine.run(f"mkdir -p {target} && cp /packages/*.deb {target}")
                else:
                    machine.run(f"mkdir -p $(dirname {target})")
                    machine.write(target, files[source])
            elif word == "CMD":
                assert " ".join(json.loads(rest)) == commands[-1]
            else:
                assert word in ("#", "FROM", "EXPOSE")
    for command in commands:
        assert command.startswith("gunicornctl run ")
        machine.run(f"setsid {command} >/run/said 2>&1 </dev/null & echo $! >/run/pid")
        wait_until(
            lambda: (
                machine.output("curl -s http://127.0.0.1:8000/", check=None)
                == "Hello from the image"
            ),
            lambda: machine.output("cat /run/said"),
        )
        machine.run("kill -TERM $(cat /run/pid)")
        wait_until(
            lambda: machine.run("kill -0 $(cat /run/pid)", check=None).returncode != 0,
            lambda: machine.output("cat /run/said"),
        )
        assert "GET / HTTP/1.1" in machine.output("cat /run/said")
