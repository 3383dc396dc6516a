from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gunicorn.sites import units
from gunicorn.sites.generator import TEMPLATE, generate
from tests.sites.conftest import GOOD, Machine


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("shop", "shop"),
        ("/srv/a b", '"/srv/a b"'),
        ("50%", "50%%"),
        ("%n\nUser=root", '"%%n\\x0aUser=root"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("$HOME", '"$HOME"'),
        ("", '""'),
        ("a;b", '"a;b"'),
    ],
)
def test_escape_leaves_nothing_to_expand(value: str, escaped: str) -> None:
    assert units.escape(value) == escaped


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_plain_site(machine: Machine) -> None:
    site = machine.site(GOOD)
    assert lines(units.site_dropin(site)) == [
        "[Unit]",
        f"SourcePath={site.path}",
        "Description=gunicorn site shop",
        "[Service]",
        "User=shop",
        "Group=",
    ]


def test_what_the_site_file_asks_of_systemd(machine: Machine) -> None:
    site = machine.site(
        GOOD
        + 'group = "web"\nbind = ["[::]:80", "unix:/x"]\nwritable = "/srv/100% my"\n'
        + 'graceful_timeout = 100\nboot_timeout = 200\nstart = "disabled"\n'
        + '[limits]\nmemory_max = "2G"\ntasks_max = 50\ncpu_quota = "150%"\nnofile = 512\n'
        + '[env]\nSECRET = "hunter2"\n'
    )
    text = units.site_dropin(site)
    assert lines(text)[3:] == [
        "RefuseManualStart=yes",
        "[Service]",
        "User=shop",
        "Group=web",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "SystemCallFilter=capset",
        'ReadWritePaths="-/srv/100%% my"',
        "CPUQuota=150%",
        "MemoryMax=2G",
        "LimitNOFILE=512",
        "TasksMax=50",
        "TimeoutStopSec=115",
        "TimeoutStartSec=230",
    ]
    assert "hunter2" not in text


def generated(machine: Machine, target: Path) -> dict[str, str]:
    return {
        str(path.relative_to(target)): path.read_text() if not path.is_symlink() else "link"
        for path in sorted(target.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_the_generator_links_what_starts_with_the_system(machine: Machine, tmp_path: Path) -> None:
    machine.write("shop.conf", GOOD)
    machine.write("later.conf", GOOD + 'start = "manual"\n')
    machine.write("off.conf", GOOD + 'start = "disabled"\n')
    target = tmp_path / "normal"
    assert generate(target, machine.paths, machine.rules) == []
    found = generated(machine, target)
    assert sorted(found) == [
        "gunicorn.service.wants/gunicorn@shop.service",
        "gunicorn@later.service.d/10-site.conf",
        "gunicorn@off.service.d/10-site.conf",
        "gunicorn@shop.service.d/10-site.conf",
    ]
    link = target / "gunicorn.service.wants/gunicorn@shop.service"
    assert link.readlink() == TEMPLATE


def test_a_broken_file_becomes_a_unit_that_fails_alone(machine: Machine, tmp_path: Path) -> None:
    machine.write("a.conf", GOOD + "tiemout = 5\n")
    machine.write("b.conf", GOOD)
    machine.write("c.conf", GOOD).chmod(0o666)
    target = tmp_path / "normal"
    said = generate(target, machine.paths, machine.rules)
    assert len(said) == 2
    assert said[0].endswith("a.conf:3: unknown key tiemout: did you mean timeout?")
    assert "writable by everybody" in said[1]
    found = generated(machine, target)
    assert "ExecStart=+/usr/bin/gunicornctl refuse %i" in found["gunicorn@a.service.d/10-site.conf"]
    assert "User=" not in found["gunicorn@c.service.d/10-site.conf"]
    assert "User=shop" in found["gunicorn@b.service.d/10-site.conf"]
    assert len([name for name in found if name.startswith("gunicorn.service.wants/")]) == 3


def test_an_error_of_ours_costs_one_site_its_unit(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write("a.conf", GOOD)
    machine.write("b.conf", GOOD)
    render = units.site_dropin

    def stumble(site: units.Site) -> str:
        if site.name == "a":
            raise ZeroDivisionError("ours")
        return render(site)

    monkeypatch.setattr(units, "site_dropin", stumble)
    target = tmp_path / "normal"
    assert generate(target, machine.paths, machine.rules) == [
        f"{machine.paths.site_file('a')}: no unit written: ours"
    ]
    found = generated(machine, target)
    assert "refuse" in found["gunicorn@a.service.d/10-site.conf"]
    assert "User=shop" in found["gunicorn@b.service.d/10-site.conf"]


def test_the_generator_script_without_sites(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "systemd/gunicorn-generator"
    done = subprocess.run([script, tmp_path], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
