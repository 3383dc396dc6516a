"""`sudo scripts/install` on machines that have nothing, with systemd and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration import bases
from integration.door import Door
from integration.machine import Machine

TREE = Path(__file__).resolve().parent.parent
MINIMAL = {True: bases.MINIMAL_BOOTABLE, False: bases.MINIMAL}


@pytest.fixture(params=[True, False], ids=["systemd", "without-systemd"])
def bare(machine_of: Any, suite: str, request: pytest.FixtureRequest) -> Machine:
    """A fresh minimal Debian with a clone of the repository in /usr/src/gunicorn."""
    base = bases.base(suite, MINIMAL[request.param], variant="minbase")
    machine: Machine = machine_of(suite, base=base, init=request.param)
    for command in ("make", "python3", "dpkg-buildpackage"):
        assert machine.run(f"command -v {command}", check=127).stdout == ""
    machine.copy(TREE, "/usr/src/gunicorn")
    return machine


def test_install_command(bare: Machine) -> None:
    before = bare.output("cd /usr/src/gunicorn && find . | sort")
    with Door(bare):
        done = bare.run("cd /usr/src/gunicorn && scripts/install")
    said = done.stdout
    assert "http://127.0.0.1:8000/ answers 200, Server: gunicorn" in said
    assert "\nNext:\n" in said
    assert ("PID 1 of this machine is not systemd" in said) == (not bare.init)
    assert "welcome" in bare.output("gunicornctl list")
    assert _answers(bare)
    assert bare.output("cd /usr/src/gunicorn && find . | sort") == before, (
        "the clone stays as it was"
    )

    # A second time it is an update of the same.
    with Door(bare):
        assert "answers 200" in bare.run("cd /usr/src/gunicorn && scripts/install").stdout

    bare.run("apt-get purge -y gunicorn python3-gunicorn")
    assert bare.run("ls -d /var/log/gunicorn /run/gunicorn /etc/gunicorn.d", check=2).stdout == ""
    assert not _answers(bare)


def _answers(machine: Machine) -> bool:
    script = "exec 3<>/dev/tcp/127.0.0.1/8000"
    return machine.run(["bash", "-c", script], check=None).returncode == 0
