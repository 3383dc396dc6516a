"""What a hostile site tries against root and its neighbours: refused, and nothing outside changes.

`mallory` is a site whose user does what he likes with everything he owns; `victim` is another site.
What sites can read of each other is in test_isolation; files that change while root reads them are
in tests/sites/test_trust.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import bases
from integration.machine import Machine
from integration.waiting import wait_until

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
NAMES = ("mallory", "victim")
RUN = "/run/gunicorn/mallory"
LOGS = "/var/log/gunicorn/mallory"


@pytest.fixture(scope="module", params=bases.SUITES)
def ground(request: pytest.FixtureRequest, packages: Path) -> Iterator[Machine]:
    base = bases.base(request.param)
    with Machine(f"attacks-{request.param}", base, binds={packages: "/packages"}) as machine:
        machine.run("apt-get install -y /packages/*.deb")
        for name in NAMES:
            machine.run(f"gunicornctl create {name} --app application:app")
            machine.write(f"/srv/{name}/application.py", APP)
        machine.run("gunicornctl sync")
        machine.run("echo 'not for sites' > /etc/secret && chmod 0600 /etc/secret")
        yield machine


@pytest.fixture
def machine(ground: Machine) -> Iterator[Machine]:
    """Both sites run; afterwards nothing outside mallory's own directories has changed."""
    before = outside(ground)
    yield ground
    ground.run("gunicornctl stop mallory; systemctl reset-failed gunicorn@mallory || true")
    ground.run(f"rm -rf {RUN} {LOGS}")
    ground.run("gunicornctl start mallory")
    assert outside(ground) == before


def outside(machine: Machine) -> str:
    """Names, owners, modes, contents of what no attack may change, and who serves the victim."""
    places = "/etc /usr/bin /root /var/log/gunicorn/victim /run/gunicorn/victim"
    listing = f"find {places} -xdev ! -name '*.log*' -printf '%p %u %g %m %s %l\\n' | sort"
    contents = "sha256sum /etc/secret /etc/passwd /etc/shadow /etc/group"
    main = (
        "systemctl show -P MainPID gunicorn@victim; "
        "stat -c '%n %U %G %a' /run/gunicorn /var/log/gunicorn"
    )
    return machine.output(f"{listing}; {contents}; {main}")


def mallory(machine: Machine, script: str) -> None:
    machine.run(script, user="mallory")


@pytest.mark.parametrize("kind", ["ln -s", "ln -s -T"])
def test_log_that_becomes_a_link_before_a_rotation(machine: Machine, kind: str) -> None:
    mallory(
        machine,
        f"cd {LOGS} && rm -f access.log error.log && {kind} /etc/secret access.log && "
        "ln -s /etc/passwd error.log",
    )
    machine.run("logrotate --force /etc/logrotate.d/gunicorn", check=None)
    machine.run("gunicornctl restart mallory", check=None)
    assert machine.output(f"find {LOGS} -type f -exec grep -l 'not for sites' {{}} + || true") == ""


def test_link_to_a_directory_in_place_of_a_log(machine: Machine) -> None:
    mallory(machine, f"cd {LOGS} && rm -f *.log && ln -s /etc access.log && mkfifo error.log")
    machine.run("timeout 30 logrotate --force /etc/logrotate.d/gunicorn", check=None)
    shown = machine.run("timeout 10 gunicornctl logs mallory", check=1)
    assert "not shown" in shown.stderr


def test_link_on_the_way_to_a_log_elsewhere(machine: Machine) -> None:
    """The administrator named /srv/mallory/log/secret; where that leads is mallory's to change."""
    machine.run(
        "install -d -o mallory /srv/mallory/log && "
        "mkdir /etc/hidden && echo 'not for sites' > /etc/hidden/secret && chmod 700 /etc/hidden"
    )
    machine.run("mkdir /etc/gunicorn.d/mallory.conf.d")
    machine.write(
        "/etc/gunicorn.d/mallory.conf.d/log.conf", 'errorlog = "/srv/mallory/log/secret"\n'
    )
    machine.run("chown mallory /srv/mallory")
    try:
        mallory(machine, "rmdir /srv/mallory/log && ln -s /etc/hidden /srv/mallory/log")
        shown = machine.run("gunicornctl logs mallory", check=1)
        assert "not for sites" not in shown.stdout
        assert "not shown: permission denied" in shown.stderr
    finally:
        machine.run(
            "rm -r /etc/gunicorn.d/mallory.conf.d /srv/mallory/log /etc/hidden; "
            "chown root /srv/mallory"
        )


def test_links_in_the_run_directory(machine: Machine) -> None:
    mallory(
        machine,
        f"cd {RUN} && rm -f * && "
        "for name in gunicorn.pid control socket; do ln -s /etc/secret $name; done",
    )
    machine.run("gunicornctl restart mallory", check=None)
    machine.run("gunicornctl list")
    machine.run("gunicornctl reopen-logs", check=None)


def test_root_shows_no_file_a_log_was_replaced_by(machine: Machine) -> None:
    mallory(machine, f"cd {LOGS} && rm -f error.log && ln -s /etc/secret error.log")
    shown = machine.run("gunicornctl logs mallory", check=1)
    assert "not for sites" not in shown.stdout + shown.stderr


def test_pidfile_that_names_somebody_elses_process(machine: Machine) -> None:
    victim = machine.main_pid("gunicorn@victim")
    machine.run("setsid sleep 600 >/dev/null 2>&1 & echo $! >/run/sleeper")
    sleeper = machine.output("cat /run/sleeper")
    for pid in (sleeper, str(victim), "1", "-1"):
        mallory(machine, f"cd {RUN} && rm -f gunicorn.pid && echo {pid} > gunicorn.pid")
        machine.run("logrotate --force /etc/logrotate.d/gunicorn", check=None)
        machine.run("gunicornctl restart mallory", check=None)
    machine.run(f"kill -0 {sleeper} && kill {sleeper}")
    assert machine.main_pid("gunicorn@victim") == victim


IMPOSTOR = """
import os, socket, sys
os.chdir("%s")
os.unlink("control")
server = socket.socket(socket.AF_UNIX)
server.bind("control")
server.listen(64)
if os.fork():
    os._exit(0)
os.setsid()
for fd in (0, 1, 2):
    os.close(fd)
kept = []
while True:
    peer, _ = server.accept()
    kept.append(peer)
    try:
        %s
    except OSError:
        pass
"""
LIES = {
    "silence": "pass",
    "no JSON": "peer.sendall(b'\\x1b[2J' * 1000 + b'\\n')",
    "escape sequences": (
        'peer.sendall(b\'{"ok": true, "generation": "\\\\u001b[2J", \'\n'
        '            b\'"workers": [{"pid": "\\\\u001b]0;x\\\\u0007"}]}\\n\')'
    ),
    "no end": "peer.sendall(b'[' * 5000000)",
    "deep nesting": "peer.sendall(b'[' * 100000 + b'\\n')",
}


@pytest.mark.parametrize("lie", LIES)
def test_impostor_on_the_control_socket(machine: Machine, lie: str) -> None:
    """Root's listing ends in time, shows nothing a terminal obeys, and the others are in it."""
    machine.run(["python3", "-"], user="mallory", input=IMPOSTOR % (RUN, LIES[lie]))
    try:
        for command in (
            "list",
            "status mallory",
            "top --once --interval 0.1",
            "metrics",
            "reopen-logs",
        ):
            done = machine.run(f"timeout 40 gunicornctl {command}", check=None)
            assert done.returncode != 124, command
            assert "\x1b" not in done.stdout + done.stderr, command
        found = json.loads(machine.output("gunicornctl list --json"))["sites"]
        assert {"mallory", "victim"} <= {one["name"] for one in found}
    finally:
        machine.run("pkill -KILL -u mallory python3 || true")


def test_names_that_lead_elsewhere(machine: Machine) -> None:
    made = [
        "/etc/gunicorn.d/..conf",
        "/etc/gunicorn.d/a%2fb.conf",
        "/etc/gunicorn.d/%n.conf",
        "/etc/gunicorn.d/a b.conf",
    ]
    for path in made:
        machine.write(path, 'app = "a:b"\nuser = "mallory"\n')
    try:
        machine.run("gunicornctl sync")
        assert (
            machine.output("ls /run/systemd/generator | grep -e % -e ' ' -e 'n@\\.' || true") == ""
        )
        for name in ("..", "../victim", "%n", "a/../victim", "-", ".hidden"):
            assert machine.run(["gunicornctl", "start", "--", name], check=None).returncode == 5
            assert (
                machine.run(["gunicornctl", "remove", "--purge", "--", name], check=None).returncode
                == 5
            )
            machine.run(["gunicornctl", "prepare", "--", name])
        machine.run(
            "systemctl start 'gunicorn@..-..-etc.service' 'gunicorn@%n.service'", check=None
        )
    finally:
        machine.run(["rm", *made])
        machine.run("systemctl reset-failed 'gunicorn@*' || true; gunicornctl sync")


def test_environment_value_with_a_line_break(machine: Machine) -> None:
    machine.write(
        "/etc/gunicorn.d/break.conf", 'app = "a:b"\nuser = "mallory"\n[env]\nX = "a\\nUser=root"\n'
    )
    try:
        done = machine.run("gunicornctl check break", check=78)
        assert "break.conf:4: env.X: it holds a line break" in done.stderr
        machine.run("gunicornctl sync", check=1)
        assert "User=root" not in machine.output("systemctl cat gunicorn@break")
        assert machine.main_pid("gunicorn@break") == 0
    finally:
        machine.run("rm /etc/gunicorn.d/break.conf && gunicornctl sync")


def test_site_file_that_mallory_can_reach(machine: Machine) -> None:
    """Through a link into his home, or because it is his: in neither case does it count."""
    machine.run("install -d -o mallory /srv/mallory/open")
    mallory(machine, 'printf \'app = "a:b"\\nuser = "victim"\\n\' > /srv/mallory/open/site.conf')
    machine.run("ln -s /srv/mallory/open/site.conf /etc/gunicorn.d/linked.conf")
    machine.run(
        "cp /srv/mallory/open/site.conf /etc/gunicorn.d/his.conf && "
        "chown mallory /etc/gunicorn.d/his.conf"
    )
    try:
        done = machine.run("gunicornctl sync", check=1)
        assert "linked.conf: not used: " in done.stderr
        assert "his.conf: not used: it belongs to uid" in done.stderr
        for name in ("linked", "his"):
            assert machine.main_pid(f"gunicorn@{name}") == 0
    finally:
        machine.run(
            "cd /etc/gunicorn.d && rm -r linked.conf his.conf /srv/mallory/open && gunicornctl sync"
        )


def test_delegated_file_gives_no_more_than_its_owner_has(machine: Machine) -> None:
    machine.write("/etc/gunicorn/defaults.conf", 'delegate = ["mallory"]\n')
    tries = [
        'user = "root"',
        'user = "victim"',
        'bind = "0.0.0.0:80"',
        'env_file = "/etc/secret"',
        'errorlog = "/etc/secret"',
        "sandbox.devices = true",
    ]
    try:
        for line in tries:
            machine.write(
                "/etc/gunicorn.d/his.conf",
                f'app = "application:app"\nchdir = "/srv/mallory"\n{line}\n',
                owner="mallory",
            )
            assert (
                "not in a delegated file" in machine.run("gunicornctl check his", check=78).stderr
            )
        machine.write(
            "/etc/gunicorn.d/his.conf",
            'app = "application:app"\nchdir = "/srv/mallory"\n',
            owner="mallory",
        )
        machine.run("gunicornctl sync")
        wait_until(lambda: machine.main_pid("gunicorn@his"), "the delegated site runs")
        assert machine.output(f"stat -c %U /proc/{machine.main_pid('gunicorn@his')}") == "mallory"
        machine.run("gunicornctl audit his")
    finally:
        machine.run(
            "gunicornctl remove --purge his && rm /etc/gunicorn/defaults.conf && gunicornctl sync"
        )


def test_secret_file_of_another_site(ground: Machine) -> None:
    machine = ground
    machine.write("/etc/gunicorn/victim.env", "TOKEN=for-the-victim\n", mode=0o600)
    machine.run("mkdir /etc/gunicorn.d/victim.conf.d")
    machine.write(
        "/etc/gunicorn.d/victim.conf.d/env.conf", 'env_file = "/etc/gunicorn/victim.env"\n'
    )
    try:
        machine.run("gunicornctl sync && gunicornctl restart victim")
        main = machine.main_pid("gunicorn@victim")
        assert "TOKEN=for-the-victim" in machine.output(f"tr '\\0' '\\n' < /proc/{main}/environ")
        for command in (
            f"cat /proc/{main}/environ", "cat /etc/gunicorn/victim.env",
            "cat /run/credentials/gunicorn@victim.service/env_file",
        ):  # fmt: skip
            assert machine.run(command, user="mallory", check=None).returncode != 0
        seen = machine.run(
            "systemctl show gunicorn@victim; systemctl cat gunicorn@victim; "
            "gunicornctl show victim",
            user="mallory",
            check=None,
        )
        assert "for-the-victim" not in seen.stdout + seen.stderr + machine.output(
            "gunicornctl show victim"
        )
    finally:
        machine.run(
            "rm -r /etc/gunicorn.d/victim.conf.d /etc/gunicorn/victim.env && "
            "gunicornctl sync && gunicornctl restart victim"
        )
