"""A fleet of sites on one booted machine: how long, and how much memory.

``python -m benchmarks.fleet [--sites 200] [--suite trixie] [--packages DIRECTORY]`` as root. It
boots a Debian machine of the integration tests with the packages installed, writes the sites (the
welcome application, one worker each, all as one user) and prints a table of reStructuredText. Every
figure is seen from outside: a site counts as up when it has answered a request.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from integration import bases
from integration import machine as machines
from integration.machine import Machine

TREE = Path(__file__).resolve().parent.parent

_SITES = """
for i in $(seq -w 1 {count}); do
    printf 'app = "gunicorn.sites.welcome:application"\\nuser = "gunicorn"\\n' \\
        >/etc/gunicorn.d/site$i.conf
done
"""

#: asks every site over its socket until each has answered; prints how many there are
_ANSWERED = """
import glob, os, socket, sys, time
left = {path[16:-5] for path in glob.glob("/etc/gunicorn.d/site*.conf")}
deadline = time.monotonic() + float(sys.argv[1])
total = len(left)
while left and time.monotonic() < deadline:
    for name in sorted(left):
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(30)
                sock.connect(f"/run/gunicorn/{name}/socket")
                sock.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                if b" 200 " in sock.recv(20):
                    left.discard(name)
        except OSError:
            pass
    if left:
        time.sleep(0.2)
print(total - len(left))
"""

_MEMORY = """
import glob, pathlib, re
total = 0
for path in glob.glob("/proc/[0-9]*/smaps_rollup"):
    try:
        if b"gunicorn" in pathlib.Path(path).with_name("cmdline").read_bytes():
            total += int(re.search(r"Pss: +(\\d+)", pathlib.Path(path).read_text())[1])
    except (OSError, TypeError):
        pass
print(total)
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure one fleet and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--suite", choices=bases.SUITES, default="trixie")
    parser.add_argument("--packages", type=Path, help="built .debs; default: they are built")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        parser.error("booting machines needs root")
    machines.BOOT_TIMEOUT = 900.0  # "running" comes after the last of the sites
    with tempfile.TemporaryDirectory() as scratch:
        packages = options.packages or Path(scratch)
        if options.packages is None:
            subprocess.run([TREE / "scripts/build-packages", scratch], check=True)
        base = bases.base(options.suite)
        with Machine("benchmark", base, binds={packages.resolve(): "/packages"}) as machine:
            rows = measure(machine, options.sites)
    print(table(rows, options.suite, options.sites))
    return 0


def measure(machine: Machine, count: int) -> list[tuple[str, str]]:
    """Install, fill and time; gives rows of words and figure."""
    machine.run("apt-get install -y /packages/*.deb && rm /etc/gunicorn.d/welcome.conf")
    machine.run("gunicornctl sync")
    empty = timed(
        lambda: machine.run("/usr/lib/systemd/system-generators/gunicorn-generator /tmp/g0")
    )
    machine.run(_SITES.format(count=count))
    generator = timed(
        lambda: machine.run("/usr/lib/systemd/system-generators/gunicorn-generator /tmp/g1")
    )
    rows = [("generator, no site", ms(empty)), (f"generator, {count} sites", ms(generator))]
    rows.append(("generator, each site", f"{(generator - empty) / count * 1000:.2f} ms"))

    started = time.monotonic()
    machine.run("gunicornctl sync", timeout=1800)
    rows.append(("sync of all sites at once", seconds(time.monotonic() - started)))
    expect_all(machine, count)
    machine.reboot()
    started = time.monotonic()
    expect_all(machine, count)
    whole = boot_seconds(machine) + time.monotonic() - started
    rows.append(("boot to all answering", seconds(whole)))

    memory = int(machine.output(["python3", "-c", _MEMORY])) / 1024
    rows.append(("memory of an idle site, shared pages divided", f"{memory / count:.1f} MiB"))
    rows.append(
        ("systemctl daemon-reload", ms(best(lambda: machine.run("systemctl daemon-reload"))))
    )
    rows.append(("gunicornctl list", ms(best(lambda: machine.run("gunicornctl list")))))
    rows.append(
        ("gunicornctl check --all", ms(timed(lambda: machine.run("gunicornctl check --all"))))
    )

    before = masters(machine)
    machine.write("/etc/gunicorn.d/added.conf", SITE)
    rows.append(("sync after adding one site", ms(timed(lambda: machine.run("gunicornctl sync")))))
    machine.write("/etc/gunicorn.d/added.conf", SITE + "tiemout = 5\n")
    machine.run("gunicornctl sync", check=1)
    machine.run("rm /etc/gunicorn.d/added.conf && gunicornctl sync")
    changed = len(set(before.items()) ^ set(masters(machine).items()))
    rows.append(("other masters changed by adding, breaking, removing one", str(changed)))

    started = time.monotonic()
    machine.run("gunicornctl reload --all", timeout=1800)
    rows.append(("gunicornctl reload --all", seconds(time.monotonic() - started)))
    expect_all(machine, count)
    return rows


SITE = 'app = "gunicorn.sites.welcome:application"\nuser = "gunicorn"\n'


def expect_all(machine: Machine, count: int) -> None:
    """Return when every site has answered."""
    answered = machine.output(["python3", "-c", _ANSWERED, "900"], timeout=1000)
    assert answered == str(count), f"{answered} of {count} sites answer"


def masters(machine: Machine) -> dict[str, str]:
    """Main pids by unit."""
    shown = machine.output("systemctl show -p Id -p MainPID 'gunicorn@site*'")
    return dict(re.findall(r"MainPID=(\d+)\nId=(\S+)", shown))


def boot_seconds(machine: Machine) -> float:
    """Seconds since the machine's first process."""
    first = float(machine.output("awk '{print $22}' /proc/1/stat")) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - first


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def best(action: Callable[[], object]) -> float:
    """The shortest of three: what the work takes when nobody disturbs it."""
    return min(timed(action) for _ in range(3))


def ms(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


def table(rows: list[tuple[str, str]], suite: str, count: int) -> str:
    """Write the table of the documentation."""
    cpus = os.cpu_count()
    lines = [f"{count} sites, {suite}, {cpus} processors, load {os.getloadavg()[0]:.1f}", ""]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    rule = f"{'=' * widths[0]}  {'=' * widths[1]}"
    lines += [rule, *(f"{text:{widths[0]}}  {value}" for text, value in rows), rule]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
