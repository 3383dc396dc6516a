"""What the sandbox is worth, and what each grant costs, as ``systemd-analyze security`` rates it.

The ratings stand in docs/sites.rst; here they are taken from there and held against the machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from integration.machine import Machine
from integration.test_broken_sites import FILE, GOOD

MANUAL = Path(__file__).resolve().parent.parent / "docs/sites.rst"
ROW = re.compile(
    r"   \* - ``(?P<line>[a-z_]+ = [^`]+)``\n(?:     - .*\n)+?     - (?P<rating>\d\.\d)\n"
)


def rating(machine: Machine, unit: str) -> float:
    line = machine.output(f"systemd-analyze security --no-pager {unit} | tail -n 1")
    return float(line.split(":")[1].split()[0])


def rated(machine: Machine, more: str) -> float:
    machine.write(FILE, GOOD + more)
    machine.run("systemctl daemon-reload")
    return rating(machine, "gunicorn@third.service")


def test_ratings_are_those_of_the_manual(fleet: Machine) -> None:
    text = MANUAL.read_text()
    promised = {match["line"]: float(match["rating"]) for match in ROW.finditer(text)}
    assert len(promised) == 8
    try:
        plain = rated(fleet, "")
        seen = {line: rated(fleet, f"[sandbox]\n{line}\n") for line in promised}
        fleet.write(FILE, GOOD.replace(":8003", ":803"))
        fleet.run("systemctl daemon-reload")
        low_port = rating(fleet, "gunicorn@third.service")
    finally:
        fleet.run(f"rm {FILE}; systemctl daemon-reload")
    assert seen == promised
    assert plain <= low_port <= 2.0
    assert f"rates that with {plain} on\nDebian 12 and 13" in text
    assert f"{low_port} with a port below 1024" in text
