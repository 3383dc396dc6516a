"""What a running site has that is out of date: its certificate, its secrets."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from gunicorn.sites import account as accounts
from gunicorn.sites import certificates, processes, remarks
from gunicorn.sites.account import Account
from gunicorn.sites.site import Site
from gunicorn.sites.systemctl import Outcome
from gunicorn.system import certificate
from tests.sites.conftest import GOOD, Machine
from tests.system.test_certificate import make

US = Account("shop", os.geteuid(), os.getegid(), "/", "/bin/sh", (), 0)


@pytest.fixture
def site(machine: Machine, tmp_path: Path) -> Site:
    (tmp_path / "cert.pem").write_bytes(make(tmp_path, "90"))
    return machine.site(
        GOOD + f'certfile = "{tmp_path}/cert.pem"\nkeyfile = "{tmp_path}/key.pem"\n'
    )


def look(site: Site, monkeypatch: pytest.MonkeyPatch, days: float = 0.0) -> certificates.Findings:
    now = time.time() + days * 86400
    monkeypatch.setattr(time, "time", lambda: now)
    return certificates.look(site, US)


def test_a_good_certificate_is_no_matter(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(site, monkeypatch) == ([], [])


def test_one_that_expires_is_a_warning_and_then_a_problem(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{site.path}:3: certfile: {site.settings['certfile']}: "
    problems, [warning] = look(site, monkeypatch, 85)
    assert problems == []
    assert warning.startswith(f"{place}the certificate expires on ")
    assert warning.endswith("in 4 days: renew it, then gunicornctl reload shop")
    [problem], warnings = look(site, monkeypatch, 10)
    assert problem.startswith(f"{place}the certificate expired on ")
    assert warnings == []


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ("echo nothing > cert.pem", ":3: certfile: {0}/cert.pem: there is no certificate in it"),
        ("rm cert.pem", ":3: certfile: {0}/cert.pem does not exist (as user shop)"),
        ("rm key.pem", ":4: keyfile: {0}/key.pem does not exist (as user shop)"),
        ("echo nothing > key.pem", ":4: keyfile: {0}/key.pem "),
        (
            "openssl genpkey -algorithm ed25519 -out key.pem",
            ":4: keyfile: {0}/key.pem is not the key of the certificate in {0}/cert.pem",
        ),
        (
            "openssl ecparam -genkey -name prime256v1 -out key.pem",
            ":4: keyfile: {0}/key.pem is not the key of the certificate in {0}/cert.pem",
        ),
        (
            "openssl ec -aes128 -passout pass:secret -in key.pem -out key.pem",
            ":4: keyfile: {0}/key.pem cannot be used: ",
        ),
    ],
)
def test_what_cannot_be_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: str, words: str
) -> None:
    subprocess.run(break_it, shell=True, cwd=tmp_path, check=True, capture_output=True)
    [problem], _ = look(site, monkeypatch)
    assert words.format(tmp_path) in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes the user of the site")
def test_a_pipe_in_place_of_a_certificate_holds_root_up_for_a_moment_only(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gunicorn.sites import impersonate

    monkeypatch.setattr(impersonate, "_PATIENCE", 1)
    (tmp_path / "cert.pem").unlink()
    os.mkfifo(tmp_path / "cert.pem")
    [problem], _ = certificates.look(site, US)
    assert "cannot be looked at" in problem


def test_secrets_that_are_newer_than_the_site(machine: Machine, tmp_path: Path) -> None:
    secrets, copy = tmp_path / "shop.env", tmp_path / "copy"
    site = machine.site(GOOD + f'env_file = "{secrets}"\n')
    assert remarks.stale_secrets(site, copy, os.getpid()) is None, "there is no such file"
    secrets.write_text("A=1\n")
    line = remarks.stale_secrets(site, copy, os.getpid())
    assert line == (
        f"{site.path}:3: env_file: {secrets} is newer than what the site runs with: "
        "gunicornctl restart shop"
    )
    while copy.exists() is False or copy.stat().st_ctime <= secrets.stat().st_ctime:
        copy.write_text("A=1\n")
    assert remarks.stale_secrets(site, copy, os.getpid()) is None
    assert remarks.stale_secrets(machine.site(GOOD), copy, os.getpid()) is None


def test_when_a_process_began() -> None:
    before = time.time()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        began = processes.started_at(process.pid)
        assert began is not None
        # the kernel tells hundredths of a second since a whole second
        assert before - 2 < began < time.time() + 2
    assert processes.started_at(process.pid) is None


def test_verbs_and_listings_say_it(
    ctl, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "account_of", lambda site: US)
    (tmp_path / "cert.pem").write_bytes(make(tmp_path, "90"))
    machine.site(GOOD + f'certfile = "{tmp_path}/cert.pem"\nkeyfile = "{tmp_path}/key.pem"\n')

    def systemctl(command: list[str]) -> Outcome:
        shown = "Id=gunicorn@shop.service\nActiveState=active\nMainPID=1\nDropInPaths=/10-site.conf"
        listed = "gunicorn@shop.service loaded active running" if "list-units" in command else ""
        return Outcome(0, listed or shown, "")

    assert ctl("reload", "shop", systemd=systemctl) == (0, [], [])
    end = certificate.read_validities((tmp_path / "cert.pem").read_bytes())[0].end
    monkeypatch.setattr(time, "time", lambda: end + 1)
    status, _, [said] = ctl("reload", "shop", systemd=systemctl)
    assert status == 0
    assert "the certificate expired on " in said
    _, shown, _ = ctl("status", "shop", systemd=systemctl)
    assert any(line.strip().startswith("note:") and "expired on" in line for line in shown)
    status, _, said = ctl("check", "shop", systemd=systemctl)
    assert status == 78
    assert "the certificate expired on " in said[0]


def test_a_full_disk_and_two_masters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remarks.full_disk(tmp_path) is None
    assert remarks.full_disk(tmp_path / "none") is None
    room = os.statvfs(tmp_path)
    full = os.statvfs_result([*room[:4], 0, *room[5:]])
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    line = remarks.full_disk(tmp_path)
    assert line is not None
    assert line.startswith("its disk is full, lines of its logs are lost: df -h ")
    pidfile = tmp_path / "gunicorn.pid"
    assert remarks.two_masters(pidfile, 7) is None
    (tmp_path / "gunicorn.pid.oldbin").write_text("7")
    assert "kill -TERM 7 leaves the new one alone" in (remarks.two_masters(pidfile, 7) or "")
