"""``logs``, ``audit``, ``nginx`` and ``convert``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gunicorn.errors import ConfigError
from gunicorn.sites import audit, convert, nginx, processes
from gunicorn.sites.account import Account
from gunicorn.sites.logs import Log
from gunicorn.sites.site import parse_site
from tests.sites.conftest import GOOD, Machine

# -- logs ------------------------------------------------------------------------------------------


def test_no_line_is_passed_over_at_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_text("one\ntwo\nthr")
    log = Log(path)
    assert log.open()
    assert log.tail(1) == ["two"]
    with path.open("a") as file:
        file.write("ee\nfour\n")
    path.rename(tmp_path / "error.log.1")
    assert log.follow() == ["three", "four"]
    with (tmp_path / "error.log.1").open("a") as file:
        file.write("late\n")
    path.write_text("new\n\x1b[2Jcleared\n")
    assert log.follow() == ["late", "new", " [2Jcleared"]
    log.close()


def test_only_the_last_lines_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_text("".join(f"line {number}\n" for number in range(50000)))
    log = Log(path)
    log.open()
    assert log.tail(2) == ["line 49998", "line 49999"]
    assert log.tail(0) == []
    assert log.follow() == []
    log.close()


def test_a_log_that_is_no_log_is_not_shown(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    assert "no such file" in ctl("logs", "shop")[2][0]
    machine.paths.log_dir("shop").mkdir()
    secret = machine.paths.root / "shadow"
    secret.write_text("root:secret\n")
    place = machine.paths.errorlog("shop")
    place.symlink_to(secret)
    status, out, err = ctl("logs", "shop")
    assert (status, out) == (1, [])
    assert "not shown" in err[0]
    place.unlink()
    os.mkfifo(place)
    assert ctl("logs", "shop")[:2] == (1, [])
    place.unlink()
    place.write_text("a line\n")
    assert ctl("logs", "shop") == (0, ["a line"], [])
    machine.write("shop.conf", GOOD + 'errorlog = "-"\n')
    assert "journalctl -u gunicorn@shop" in ctl("logs", "shop")[2][0]


# -- audit -----------------------------------------------------------------------------------------


def process(**changes) -> processes.Process:
    facts = {
        "pid": 5, "parent": 1, "name": "python3", "uids": (1001,) * 4, "gids": (1002,) * 4,
        "groups": frozenset({1002}), "umask": 0o027, "no_new_privileges": True,
        "capabilities": {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "CapAmb": 0, "CapBnd": 1},
    }  # fmt: skip
    return processes.Process(**{**facts, **changes})


SHOP = Account("shop", 1001, 1002, "/", "/bin/sh", (1002, 33), 33)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"groups": frozenset({1002, 33})}, None),
        ({"uids": (1001, 0, 0, 0)}, "runs as uid 1001,0, not 1001"),
        ({"gids": (0,) * 4}, "runs as gid 0"),
        ({"groups": frozenset({0, 1002})}, "is in the groups 0"),
        ({"capabilities": {"CapEff": 1 << 10}}, "has capabilities: CapEff 0x400"),
        ({"no_new_privileges": False}, "could gain privileges"),
        ({"umask": 0}, "everybody may write (umask 0000)"),
    ],
)
def test_what_a_process_may_not_have(machine: Machine, changes, words: str | None) -> None:
    found = audit.judge(machine.site(GOOD), SHOP, process(**changes), is_master=True)
    assert len(found) == (0 if words is None else 1)
    assert words is None or words in found[0]


def test_the_master_alone_keeps_the_capability_to_bind(machine: Machine) -> None:
    site = machine.site(GOOD + 'bind = ":80"\n')
    one = process(capabilities={"CapEff": 1 << 10, "CapPrm": 1 << 10})
    assert audit.judge(site, SHOP, one, is_master=True) == []
    assert len(audit.judge(site, SHOP, one, is_master=False)) == 2
    more = process(capabilities={"CapEff": 1 << 21 | 1 << 10})
    assert "0x200000" in audit.judge(site, SHOP, more, is_master=True)[0]


def test_descriptors_of_files_that_are_closed_to_the_user(tmp_path: Path) -> None:
    program = "import sys; sys.stdout.write('x'); sys.stdout.flush(); sys.stdin.read()"
    secret = tmp_path / "shadow"
    secret.write_text("")
    secret.chmod(0o600)
    with secret.open() as file:
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=[file.fileno()],
        )  # fmt: skip
        try:
            assert child.stdout is not None
            child.stdout.read(1)
            stranger = Account("shop", os.getuid() + 1, 54321, "/", "/bin/sh", (), 0)
            assert audit.strange_files(stranger, child.pid) == [
                f"descriptor {file.fileno()} is open on '{secret}', closed to its user"
            ]
            owner = Account("shop", os.getuid(), os.getgid(), "/", "/bin/sh", (), 0)
            assert audit.strange_files(owner, child.pid) == []
        finally:
            child.communicate()


# -- nginx -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("", "unix:{root}/run/gunicorn/shop/socket"),
        ('bind = ["0.0.0.0:8000", "unix:/run/x"]\n', "unix:/run/x"),
        ('bind = "[::]:8000"\n', "[::1]:8000"),
        ('bind = ":8000"\n', "127.0.0.1:8000"),
    ],
)
def test_nginx_speaks_to_the_site(machine: Machine, bind: str, expected: str) -> None:
    site = machine.site(GOOD + bind + "timeout = 90\n")
    text = nginx.render(site, machine.paths, ["shop.test", "www.shop.test"])
    assert text is not None
    assert f"server {expected.format(root=machine.paths.root)} fail_timeout=0;" in text
    assert "server_name shop.test www.shop.test;" in text
    assert "proxy_read_timeout 95s;" in text
    assert text.count("{") == text.count("}")


def test_nginx_is_told_no_nonsense(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    assert ctl("nginx", "shop", "--server-name", "a; root /;")[0] == 1
    status, out, _ = ctl("nginx", "shop", "--server-name", "shop.test")
    assert (status, "    server_name shop.test;" in out) == (0, True)


# -- convert ---------------------------------------------------------------------------------------

OLD = """\
# an example of the old package
import os
CONFIG = {
    'mode': 'wsgi',
    'user': 'shop',
    'group': 'shop',
    'working_dir': '/srv/shop',
    'python': '/srv/shop/venv/bin/python',
    'environment': {'PYTHONPATH': '/srv/shop/lib', 'DEBUG': 0},
    'retry': '60',
    'args': (
        '--bind=127.0.0.1:8080', '--workers=4', '--timeout', '90', '--log-level=debug', 'shop:app',
    ),
    'extra': os.system('touch pwned'),
}
"""


def test_an_old_file_becomes_a_site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines, notes = convert.translate(Path("/etc/gunicorn.d/shop"), OLD)
    site = parse_site("shop", Path("shop.conf"), "\n".join(lines).encode())
    assert (site.app, site.user, site.group, site.chdir) == (
        "shop:app",
        "shop",
        "shop",
        "/srv/shop",
    )
    assert site.python == "/srv/shop/venv/bin/python"
    assert site.settings == {
        "bind": "127.0.0.1:8080", "workers": 4, "timeout": 90, "loglevel": "debug"
    }  # fmt: skip
    assert site.env == {"PYTHONPATH": "/srv/shop/lib", "DEBUG": "0"}
    assert notes == [
        "/etc/gunicorn.d/shop:2: not executed: import os",
        "/etc/gunicorn.d/shop:14: 'extra' was no key and is left out",
        "/etc/gunicorn.d/shop: retry is gone: stopping waits for graceful_timeout",
    ]
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 5\n", "there is no CONFIG"),
        ("CONFIG = dict(a=1)\n", "f:1: CONFIG is no dictionary display"),
        ("CONFIG = {\n", "f:1: this is no Python"),
    ],
)
def test_what_cannot_be_converted(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        convert.translate(Path("f"), text)


def test_what_is_no_literal_is_left_to_a_person(ctl, tmp_path: Path) -> None:
    path = tmp_path / "shop"
    path.write_text("CONFIG = {\n'user': 'a' + name,\n'args': ['--workers=x' * 2, 5],\n}\n")
    status, out, err = ctl("convert", str(path))
    assert status == 78
    assert f"{path}:2: no literal, left out: 'a' + name" in err
    assert 'user = "www-data"' in out
    assert any(line.startswith("to be mended: 1: app is missing") for line in err)
    assert ctl("convert", str(tmp_path / "none"))[0] == 1
