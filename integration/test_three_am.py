"""Failures, and the lines that tell cause, place and remedy: the table of docs/troubleshooting.rst.

Each row breaks the site `night` in one way, looks where an administrator looks, and mends it. A row
names the words that `gunicornctl` and the unit must say; what can be known before anything
starts is told by `gunicornctl check`, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration import bases
from integration.machine import Machine
from integration.waiting import wait_until

FILE = "/etc/gunicorn.d/night.conf"
HEAD = 'app = "night:app"\nuser = "night"\nchdir = "/srv/night"\n'
APP = """
import os, time
def app(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        time.sleep(600)
    if environ["PATH_INFO"] == "/oom":
        with open("/srv/night/count/vmstat", "w") as file:
            file.write("oom_kill 1\\n")
    if environ["PATH_INFO"] in ("/killed", "/oom"):
        os.kill(os.getpid(), 9)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@dataclass(frozen=True)
class Row:
    """One failure: lines of the site file, or of the application, or a command; what is said."""

    conf: str = ""
    code: str = ""
    before: str = "true"
    after: str = "true"
    #: what `gunicornctl status night` says: the cause with its place, and the advice
    says: tuple[str, ...] = ()
    #: what `gunicornctl check night` says, when it can know
    check: str | None = None
    #: what the unit's own status says
    unit: str | None = None


ROWS = {
    "application does not import": Row(
        code="import no_such_thing",
        says=(
            "No module named 'no_such_thing'",
            f"to do: install no_such_thing for the interpreter of the site (python: {FILE}",
        ),
        unit="No module named 'no_such_thing'",
    ),
    "error in the application": Row(
        code="raise ValueError('of mine')",
        says=(
            "ValueError: of mine",
            "to do: mend the application; its traceback: gunicornctl logs night",
        ),
    ),
    "wrong Python": Row(
        conf='python = "/usr/bin/python2"\n',
        says=(f"{FILE}:4: python: /usr/bin/python2 does not exist",),
        check=f"{FILE}:4: python: /usr/bin/python2 does not exist",
        unit=f"{FILE}:4: python: /usr/bin/python2 does not exist",
    ),
    "missing virtualenv": Row(
        conf='python = "/srv/night/venv"\n',
        says=(f"{FILE}:4: python: /srv/night/venv does not exist (as user night)",),
        check=f"{FILE}:4: python: /srv/night/venv does not exist (as user night)",
    ),
    "interpreter gone after an upgrade": Row(
        conf='python = "/srv/night/old"\n',
        before="mkdir -p /srv/night/old/bin && ln -s /usr/bin/python3.1 /srv/night/old/bin/python",
        after="rm -r /srv/night/old",
        says=(f"{FILE}:4: python: /srv/night/old/bin/python is a link that leads nowhere",),
        check="is a link that leads nowhere",
    ),
    "typo in a key": Row(
        conf="tiemout = 5\n",
        says=(f"{FILE}:4: unknown key tiemout: did you mean timeout?",),
        check=f"{FILE}:4: unknown key tiemout: did you mean timeout?",
        unit=f"{FILE}:4: unknown key tiemout: did you mean timeout?",
    ),
    "unquoted string": Row(
        conf="loglevel = debug\n",
        says=(f'{FILE}:4: strings are quoted: loglevel = "debug"',),
        check=f'{FILE}:4: strings are quoted: loglevel = "debug"',
        unit="strings are quoted",
    ),
    "unknown user": Row(
        before=f"sed -i s/\\\"night\\\"$/\\\"nihgt\\\"/ {FILE}",
        says=(f"{FILE}:2: user: there is no user 'nihgt': adduser --system --group",),
        check=f"{FILE}:2: user: there is no user 'nihgt'",
        unit=f"{FILE}:2: user: there is no user 'nihgt'",
    ),
    "port taken": Row(
        conf='bind = "127.0.0.1:8000"\n',
        says=(
            "127.0.0.1', 8000): the address is in use",
            f"to do: ss -ltnp 'sport = 8000' shows who has it; another address: {FILE}:4",
        ),
    ),
    "log directory unwritable": Row(
        before="install -d -m 700 /srv/closed",
        conf='errorlog = "/srv/closed/error.log"\n',
        says=("/srv/closed/error.log", "to do: gunicornctl check night says what bars the way"),
        check=f"{FILE}:4: errorlog: /srv/closed",
    ),
    "certificate unreadable": Row(
        before="install -d -m 700 /srv/closed",
        conf='certfile = "/srv/closed/x.pem"\nkeyfile = "/srv/closed/x.key"\n',
        says=("file", "to do: gunicornctl check night says who can read it"),
        check=f"{FILE}:4: certfile: /srv/closed/x.pem",
    ),
    "slow import": Row(
        conf="boot_timeout = 2\n",
        code="import time; time.sleep(60)",
        says=(
            "boot timeout",
            f"to do: see what the import waits for, or raise boot_timeout ({FILE}:4)",
        ),
    ),
    "site file world-writable": Row(
        before=f"chmod 0666 {FILE}",
        says=(f"{FILE}: not used: it is writable by everybody (mode 0666): chmod o-w {FILE}",),
        check=f"chmod o-w {FILE}",
        unit=f"chmod o-w {FILE}",
    ),
    "out of file descriptors": Row(
        conf="[limits]\nnofile = 8\n",
        says=("Too many open files", f"to do: raise limits.nofile ({FILE}:5)"),
    ),
    "secret file missing": Row(
        conf='env_file = "/etc/gunicorn/none.env"\n',
        says=(f"{FILE}:4: env_file: /etc/gunicorn/none.env does not exist",),
        check=f"{FILE}:4: env_file: /etc/gunicorn/none.env does not exist",
        unit="/etc/gunicorn/none.env does not exist",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=bases.SUITES)
def ground(request: pytest.FixtureRequest, packages: Path) -> Iterator[Machine]:
    base = bases.base(request.param)
    with Machine(f"night-{request.param}", base, binds={packages: "/packages"}) as machine:
        machine.run("apt-get install -y /packages/*.deb")
        machine.run("gunicornctl create night --app night:app && rm /etc/gunicorn.d/night.conf")
        yield machine


@pytest.fixture
def machine(ground: Machine) -> Iterator[Machine]:
    ground.write("/srv/night/night.py", APP)
    ground.write(FILE, HEAD)
    yield ground
    ground.run("gunicornctl stop night; systemctl reset-failed gunicorn@night || true")


@pytest.mark.parametrize("failure", ROWS)
def test_failure_tells_cause_place_and_remedy(machine: Machine, failure: str) -> None:
    row = ROWS[failure]
    welcome = machine.main_pid("gunicorn@welcome")
    machine.write(FILE, HEAD + row.conf)
    machine.write("/srv/night/night.py", APP + row.code)
    machine.run(row.before)
    try:
        if row.check is not None:
            assert row.check in machine.run("gunicornctl check night", check=78).stderr
        begin(machine)
        wait_until(
            lambda: all(words in status(machine) for words in row.says),
            lambda: status(machine),
            20,
        )
        if row.unit is not None:
            wanted = row.unit
            wait_until(lambda: wanted in unit_status(machine), lambda: unit_status(machine), 20)
    finally:
        machine.run(row.after)
    # mended, it comes back, and the neighbour never noticed
    machine.write("/srv/night/night.py", APP)
    machine.write(FILE, HEAD)
    machine.run("gunicornctl restart night")
    assert machine.output("systemctl is-active gunicorn@night") == "active"
    assert machine.main_pid("gunicorn@welcome") == welcome


def status(machine: Machine) -> str:
    return machine.run("gunicornctl status night", check=None).stdout


def unit_status(machine: Machine) -> str:
    return machine.run("systemctl status -l --no-pager gunicorn@night", check=None).stdout


def started(machine: Machine, conf: str = "") -> None:
    machine.write(FILE, HEAD + conf)
    machine.run("gunicornctl restart night")


def begin(machine: Machine) -> None:
    """Start it as the boot would: without looking first, as gunicornctl does."""
    machine.run("systemctl daemon-reload; systemctl restart gunicorn@night", check=None)


def ask(machine: Machine, path: str) -> None:
    machine.run(
        f"curl -s --max-time 30 --unix-socket /run/gunicorn/night/socket http://x{path}", check=None
    )


def log(machine: Machine) -> str:
    return machine.output("gunicornctl logs night --lines 200")


def test_socket_that_the_proxy_cannot_reach(machine: Machine) -> None:
    machine.run("install -d -o night -m 0700 /srv/night/own")
    machine.write(FILE, HEAD + 'bind = "unix:/srv/night/own/socket"\nwritable = "/srv/night/own"\n')
    said = machine.run("gunicornctl check night", check=78).stderr
    assert f"{FILE}:4: bind: /srv/night/own/socket cannot be reached: " in said
    assert "(as www-data)" in said


def test_worker_that_the_kernel_killed(machine: Machine) -> None:
    started(machine)
    ask(machine, "/killed")
    wait_until(lambda: "SIGKILL" in log(machine), lambda: log(machine))


def test_request_that_is_stuck(machine: Machine) -> None:
    started(machine, "timeout = 4\n")
    machine.run(
        "setsid curl -s --unix-socket /run/gunicorn/night/socket http://x/stuck "
        ">/dev/null 2>&1 </dev/null &"
    )
    wait_until(
        lambda: "has been inside one request for" in machine.output("gunicornctl status night"),
        lambda: machine.output("gunicornctl status night"),
        10,
    )
    wait_until(lambda: "TIMEOUT" in log(machine), lambda: log(machine), 15)


def test_crash_loop(machine: Machine) -> None:
    machine.write("/srv/night/night.py", APP + "raise ValueError('always')\n")
    begin(machine)
    wait_until(
        lambda: re.search("ten times within a minute|trying again", status(machine)),
        lambda: status(machine),
    )


def test_broken_neighbour(machine: Machine) -> None:
    machine.write(FILE, HEAD + "tiemout = 5\n")
    machine.run("gunicornctl sync", check=1)
    rows = machine.output("gunicornctl list").splitlines()
    assert any(row.startswith("night ") and "unknown key tiemout" in row for row in rows)
    assert any(row.startswith("welcome ") and "running" in row for row in rows)


def test_refused_reload_is_remembered(machine: Machine) -> None:
    started(machine)
    machine.write("/srv/night/night.py", APP + "raise ValueError('new code')\n")
    done = machine.run("gunicornctl reload night", check=1)
    assert "ValueError: new code" in done.stderr
    assert "the last reload was refused, the old code goes on" in machine.output(
        "gunicornctl status night"
    )


OOM_UNIT = """
[Service]
BindReadOnlyPaths=/srv/night/count/vmstat:/proc/vmstat
"""


def test_worker_that_the_oom_killer_took(machine: Machine) -> None:
    """These machines have no memory controller, so the kernel cannot be made to do it: the counter
    that it would raise is played, the death is real."""
    controllers = machine.output("cat /sys/fs/cgroup/cgroup.controllers || true").split()
    assert "memory" not in controllers, "now this can be tried for real"
    machine.run(
        "install -d -o night /srv/night/count && echo 'oom_kill 0' > /srv/night/count/vmstat"
    )
    machine.run("chown night /srv/night/count/vmstat")
    machine.run("mkdir -p /etc/systemd/system/gunicorn@night.service.d")
    machine.write("/etc/systemd/system/gunicorn@night.service.d/count.conf", OOM_UNIT)
    try:
        machine.run("systemctl daemon-reload")
        started(machine, 'writable = "/srv/night/count"\n')
        ask(machine, "/oom")
        said = "the kernel's OOM killer has just killed a process of this machine"
        wait_until(lambda: said in log(machine), lambda: log(machine))
    finally:
        machine.run("rm -r /etc/systemd/system/gunicorn@night.service.d /srv/night/count")
        machine.run("systemctl daemon-reload")


AUTHORITY = """
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = names
[names]
commonName = supplied
"""
EXPIRED = """
set -e
cd /srv/night/tls
openssl ecparam -genkey -name prime256v1 -noout -out key.pem
openssl req -new -key key.pem -subj /CN=night.test -out request
touch index; echo 01 > serial
openssl ca -batch -selfsign -config ca.cnf -keyfile key.pem -in request -out cert.pem -notext \\
    -startdate 20250101000000Z -enddate 20250401000000Z
chown night key.pem
"""


def test_certificate_that_has_expired(machine: Machine) -> None:
    """It is served, and said wherever one looks; a reload with a new one ends it."""
    machine.run("install -d /srv/night/tls")
    machine.write("/srv/night/tls/ca.cnf", AUTHORITY)
    machine.run(EXPIRED)
    files = 'certfile = "/srv/night/tls/cert.pem"\nkeyfile = "/srv/night/tls/key.pem"\n'
    said = f"{FILE}:4: certfile: /srv/night/tls/cert.pem: the certificate expired on 2025-04-01"
    machine.write(FILE, HEAD + files)
    try:
        assert said in machine.run("gunicornctl check night", check=78).stderr
        assert said in machine.run("gunicornctl restart night").stderr
        assert said in status(machine)
        assert "the certificate expired on 2025-04-01" in unit_status(machine)
        assert "the certificate expired on 2025-04-01" in log(machine)
        machine.run(
            "cd /srv/night/tls && openssl req -x509 -key key.pem -subj /CN=night.test -days 90 "
            "-out cert.pem"
        )
        assert "expired" not in machine.run("gunicornctl reload night").stderr
        assert "expired" not in status(machine)
        machine.run("chmod 0600 /srv/night/tls/cert.pem")
        assert f"{FILE}:4: certfile: /srv/night/tls/cert.pem cannot be read" in status(machine)
    finally:
        machine.run("rm -r /srv/night/tls")


def test_reload_during_an_upgrade(machine: Machine) -> None:
    """The newer master reloads, both are named, and either may go."""
    started(machine)
    old = machine.main_pid("gunicorn@night")
    machine.run(f"kill -USR2 {old}")
    pidfile = "cat /run/gunicorn/night/gunicorn.pid || true"
    wait_until(lambda: machine.output(pidfile) not in ("", str(old)), "the new master is there")
    said = f"two masters serve, an upgrade in place is under way: kill -TERM {old} leaves the new"
    wait_until(lambda: said in status(machine), lambda: status(machine))
    machine.run("gunicornctl reload night")
    assert "Reloaded: generation 2 serves" in log(machine)
    assert f"Another master is starting (pid:{machine.output(pidfile)})" in log(machine)
    new = int(machine.output(pidfile))
    machine.run(f"kill -TERM {old}")
    wait_until(lambda: machine.main_pid("gunicorn@night") == new, "the new master is alone")
    assert "two masters" not in status(machine)
    ask(machine, "/")


def test_secrets_that_have_changed(machine: Machine) -> None:
    """A reload cannot bring them, and says so; a restart does."""
    machine.write("/etc/gunicorn/night.env", "TOKEN=one\n", mode=0o600)
    try:
        started(machine, 'env_file = "/etc/gunicorn/night.env"\n')
        assert "night.env" not in machine.run("gunicornctl reload night").stderr
        machine.write("/etc/gunicorn/night.env", "TOKEN=two\n", mode=0o600)
        said = (
            f"{FILE}:4: env_file: /etc/gunicorn/night.env is newer than what the site runs with: "
            "gunicornctl restart night"
        )
        assert machine.run("gunicornctl reload night").stderr == f"{said}\n"
        assert said in machine.run("gunicornctl sync").stderr
        assert said in status(machine)
        machine.run("systemctl reload gunicorn@night")
        assert said in unit_status(machine)
        assert machine.run("gunicornctl restart night").stderr == ""
        assert "night.env" not in status(machine)
    finally:
        machine.write(FILE, HEAD)
        machine.run("gunicornctl restart night && rm /etc/gunicorn/night.env")


def test_disk_full(machine: Machine) -> None:
    """The site goes on and answers; what cannot be logged is counted, and said."""
    started(machine)
    logs = "/var/log/gunicorn/night"
    machine.run(f"gunicornctl stop night && mount -t tmpfs -o size=32k,mode=0750 tmpfs {logs}")
    try:
        machine.run("gunicornctl start night")
        machine.run(f"head -c 1M /dev/zero > {logs}/filler", check=None)
        for _ in range(5):
            ask(machine, "/")
        assert machine.output("curl -s --unix-socket /run/gunicorn/night/socket http://x/") == "ok"
        assert f"its disk is full, lines of its logs are lost: df -h {logs}" in status(machine)
        machine.run(f"rm {logs}/filler")
        ask(machine, "/")
        said = rf"(\d+) lines of {logs}/access.log are lost: No space left on device"
        wait_until(lambda: re.search(said, log(machine)), lambda: log(machine))
        lost = sum(map(int, re.findall(said, log(machine))))
        assert lost > 0
        assert int(machine.output(f"grep -c . {logs}/access.log")) == 7 - lost
        assert "its disk is full" not in status(machine)
    finally:
        machine.run(f"gunicornctl stop night; umount {logs}")
