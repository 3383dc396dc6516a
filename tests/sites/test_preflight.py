from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from gunicorn.sites import execute, impersonate, preflight, processes, reach
from gunicorn.sites.account import Account
from gunicorn.sites.preflight import Listener
from gunicorn.sites.site import Site
from tests.sites.conftest import GOOD, Machine

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
GIB = 1 << 30


def pair(machine: Machine, first: str, second: str) -> list[Site]:
    return [machine.site(GOOD + first, "aaa"), machine.site(GOOD + second, "bbb")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('"127.0.0.1:80"', '"127.0.0.1:80"'),
        ('"127.0.0.1:80"', '":80"'),
        ('"127.0.0.1:80"', '"[::]:80"'),
        ('"localhost:80"', '"127.0.0.1:80"'),
        ('"[::1]:80"', '"[0:0::1]:80"'),
        ('["1.2.3.4:81", "127.0.0.1:80"]', '["tcp://127.0.0.1:80"]'),
        ('"unix:/run/x"', '"unix:///run/x"'),
    ],
)
def test_two_sites_that_claim_one_address(machine: Machine, first: str, second: str) -> None:
    sites = pair(machine, f"bind = {first}\n", f"bind = {second}\n")
    found = preflight.conflicts(sites).problems
    assert list(found) == ["bbb"]
    [line] = found["bbb"]
    assert line.startswith(f"{sites[1].path}:3: bind: ")
    assert f"is also claimed by the site aaa ({sites[0].path}:3)" in line


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('"127.0.0.1:80"', '"127.0.0.1:81"'),
        ('"127.0.0.1:80"', '"127.0.0.2:80"'),
        ('"[::1]:80"', '"0.0.0.0:80"'),
        ('"127.0.0.1:0"', '"127.0.0.1:0"'),
        ('"unix:/run/x"', '"unix:/run/y"'),
    ],
)
def test_addresses_that_go_together(machine: Machine, first: str, second: str) -> None:
    sites = pair(machine, f"bind = {first}\n", f"bind = {second}\n")
    assert preflight.conflicts(sites).problems == {}


def test_one_log_for_two_sites(machine: Machine) -> None:
    sites = pair(machine, 'accesslog = "/srv/log"\n', 'errorlog = "/srv/log"\n')
    [line] = preflight.conflicts(sites).problems["bbb"]
    assert "bbb.conf:3: errorlog: /srv/log is also claimed by the site aaa" in line
    both = pair(machine, 'accesslog = "-"\n', 'accesslog = "-"\n')
    assert preflight.conflicts(both).problems == {}


def test_a_disabled_site_claims_nothing(machine: Machine) -> None:
    sites = pair(machine, 'bind = ":80"\nstart = "disabled"\n', 'bind = ":80"\n')
    assert preflight.conflicts(sites).problems == {}


def test_a_port_that_somebody_else_has(machine: Machine) -> None:
    site = machine.site(GOOD + 'bind = ["127.0.0.1:5432", "unix:/x"]\n')
    others = [Listener("0.0.0.0", 5432, 114)]
    [line] = preflight.taken(site, 1001, others, lambda uid: "postgres")
    assert "bind: 127.0.0.1:5432 is taken by a process of user postgres" in line
    assert preflight.taken(site, 114, others, str) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_listeners_are_read_from_the_kernel(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {host} on this machine")
    with sock:
        expected = Listener(host, sock.getsockname()[1], os.getuid())
        assert expected in preflight.read_listeners()


def test_workers_times_memory(machine: Machine) -> None:
    site = machine.site(GOOD + 'workers = 4\n[limits]\nmemory_max = "1G"\n')
    assert preflight.memory([site], {}, 8 * GIB).problems == {}
    [line] = preflight.memory([site], {"shop": 300 << 20}, 8 * GIB).problems["shop"]
    assert line == (
        f"{site.path}:5: limits.memory_max: 1G is less than 4 workers need: 1212M "
        "(300M each, measured)"
    )
    small = machine.site(GOOD + 'workers = 9\n[limits]\nmemory_max = "64M"\n')
    assert "at the very least" in preflight.memory([small], {}, GIB).problems["shop"][0]


def test_limits_of_all_against_the_machine(machine: Machine) -> None:
    sites = pair(machine, '[limits]\nmemory_max = "3G"\n', '[limits]\nmemory_max = "2G"\n')
    assert preflight.memory(sites, {}, 4 * GIB).warnings == [
        "all sites together may use 5120M of memory, the machine has 4096M"
    ]
    assert preflight.memory(sites, {}, 8 * GIB).warnings == []
    unlimited = machine.site(GOOD + '[limits]\nmemory_max = "infinity"\n')
    assert preflight.memory([unlimited], {}, GIB).problems == {}


@needs_root
def test_the_first_closed_directory_is_named(machine: Machine, tmp_path: Path) -> None:
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    (closed / "venv/bin").mkdir(parents=True)
    closed.chmod(0o700)
    (tmp_path / "key.pem").write_text("")
    (tmp_path / "key.pem").chmod(0o600)
    site = machine.site(
        GOOD
        + f'python = "{closed}/venv/bin/python"\nchdir = "{closed}/app"\n'
        + f'config = "{tmp_path}/none.py"\nkeyfile = "{tmp_path}/key.pem"\n'
        + f'writable = "{tmp_path}"\nerrorlog = "{tmp_path}/e.log"\nbind = "unix:{tmp_path}/s"\n'
    )
    nobody = pwd.getpwnam("nobody")
    account = Account("shop", nobody.pw_uid, nobody.pw_gid, "/", "/bin/sh", (nobody.pw_gid,), 0)
    found = [line.partition(".conf:")[2] for line in reach.problems_of_user(site, account)]
    assert found == [
        f"3: python: {closed}/venv/bin/python cannot be reached: {closed} is closed (as user shop)",
        f"4: chdir: {closed}/app cannot be reached: {closed} is closed (as user shop)",
        f"5: config: {tmp_path}/none.py does not exist (as user shop)",
        f"6: keyfile: {tmp_path}/key.pem cannot be read (as user shop)",
        f"7: writable: {tmp_path} cannot be written to (as user shop)",
    ]
    found = reach.problems_of_places(site, account, machine.paths)
    assert [line.partition(".conf:")[2] for line in found] == [
        f"8: errorlog: {tmp_path} cannot be written to (as user shop)",
        f"9: bind: {tmp_path} cannot be written to (as user shop)",
    ]


@needs_root
def test_a_socket_that_no_proxy_can_reach(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "PROXIES", ("nobody", "no-such-proxy"))
    gid = pwd.getpwnam("nobody").pw_gid
    member = Account("shop", 1001, 1001, "/", "/bin/sh", (), gid)
    stranger = Account("shop", 1001, 1001, "/", "/bin/sh", (), 0)
    site = machine.site(GOOD)
    assert reach.problems_of_proxy(site, member, machine.paths) == []
    [line] = reach.problems_of_proxy(site, stranger, machine.paths)
    assert "socket_group: nobody is not in the group root, so no proxy can connect" in line
    closed = machine.site(GOOD + 'socket_mode = "0600"\n')
    assert "lets nobody but shop" in reach.problems_of_proxy(closed, member, machine.paths)[0]
    tmp_path.chmod(0o700)
    elsewhere = machine.site(GOOD + f'bind = "unix:{tmp_path}/deep/s"\n')
    [line] = reach.problems_of_proxy(elsewhere, member, machine.paths)
    assert "(as nobody)" in line
    assert (
        reach.problems_of_proxy(machine.site(GOOD + 'bind = ":80"\n'), stranger, machine.paths)
        == []
    )


@needs_root
def test_asking_as_somebody_else() -> None:
    assert impersonate.ask_as(65534, 65534, [], lambda: [os.getuid(), os.getgroups()]) == [
        65534,
        [],
    ]
    with pytest.raises(OSError, match="ended with 1"):
        impersonate.ask_as(65534, 65534, [], lambda: 1 / 0)


def test_barred_words(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, words in (("dangling", "leads nowhere"), ("none", "does not exist")):
        assert words in (execute.first_barred(tmp_path / name, os.R_OK) or "")
    assert execute.first_barred(tmp_path, os.X_OK) is None


def test_processes_of_a_tree() -> None:
    found = processes.tree(os.getpid())
    me = found[0]
    assert (me.pid, me.parent, me.uids[0]) == (os.getpid(), os.getppid(), os.getuid())
    assert set(me.capabilities) == {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}
    assert (processes.memory_of_tree(found) or 0) > 1 << 20
    assert processes.tree(1 << 30) == []
    assert processes.memory_of_tree([]) is None
