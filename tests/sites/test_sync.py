from __future__ import annotations

from dataclasses import dataclass, field

from gunicorn.sites import sync
from gunicorn.sites.paths import UMBRELLA, site_of
from gunicorn.sites.systemctl import Outcome, Systemd
from tests.sites.conftest import GOOD, Machine


@dataclass
class FakeUnit:
    active: str = "inactive"
    since: int = 0
    reload_result: str = "success"
    starts_as: str = "active"


@dataclass
class FakeSystemd:
    """Answers ``systemctl`` as systemd would, and remembers what was asked of it."""

    units: dict[str, FakeUnit] = field(default_factory=dict)
    wants: list[str] = field(default_factory=list)
    jobs: list[tuple[str, str]] = field(default_factory=list)
    umbrella: str = "active"
    done: list[str] = field(default_factory=list)

    def __call__(self, command: list[str]) -> Outcome:
        assert command[0] == "systemctl"
        verb, *rest = command[1:]
        names = [name for name in map(site_of, rest) if name]
        if verb == "show" and UMBRELLA in rest:
            wants = " ".join(f"gunicorn@{name}.service" for name in self.wants)
            return Outcome(0, (wants if "--property=Wants" in rest else self.umbrella) + "\n", "")
        if verb == "show":
            return Outcome(0, "\n\n".join(self.show(name) for name in names), "")
        if verb == "list-units":
            loaded = [f"gunicorn@{name}.service loaded x y" for name in self.units]
            return Outcome(0, "\n".join(loaded), "")
        if verb == "list-jobs":
            text = "\n".join(f"1 gunicorn@{n}.service {kind} running" for n, kind in self.jobs)
            self.jobs = []
            return Outcome(0, text or "No jobs running.", "")
        self.done.append(" ".join([verb, *names]))
        for name in names:
            unit = self.units.setdefault(name, FakeUnit())
            if verb == "start":
                unit.active = unit.starts_as
            elif verb == "stop":
                unit.active = "inactive"
        return Outcome(0, "", "")

    def show(self, name: str) -> str:
        unit = self.units.get(name, FakeUnit())
        return (
            f"Id=gunicorn@{name}.service\nActiveState={unit.active}\n"
            f"ReloadResult={unit.reload_result}\nActiveEnterTimestampMonotonic={unit.since}"
        )


def run(machine: Machine, fake: FakeSystemd) -> tuple[int, list[str]]:
    said: list[str] = []
    return sync.sync(machine.paths, Systemd(fake), machine.rules, said.append), said


def test_new_sites_start_removed_ones_stop_and_nothing_else_moves(machine: Machine) -> None:
    for name in ("new", "running", "by-hand"):
        machine.write(f"{name}.conf", GOOD)
    fake = FakeSystemd(
        units={
            "running": FakeUnit("active", since=5),
            "by-hand": FakeUnit("inactive", since=5),
            "gone": FakeUnit("active", since=5),
        },
        wants=["by-hand", "new", "running"],
    )
    assert run(machine, fake) == (
        0,
        ["site gone: stopped, its site file is gone", "site new: started"],
    )
    assert fake.done == [
        "daemon-reload",
        "stop gone",
        "reset-failed gone",
        "reset-failed new",
        "start new",
    ]


def test_a_failed_site_is_tried_again_and_its_verdict_counts(machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    unit = FakeUnit("failed", since=5, starts_as="failed")
    status, said = run(machine, FakeSystemd(units={"shop": unit}, wants=["shop"]))
    assert status == 1
    assert said == ["site shop: failed to start: gunicornctl status shop"]


def test_a_broken_file_of_a_running_site_fails_the_sync_and_leaves_it_alone(
    machine: Machine,
) -> None:
    machine.write("shop.conf", GOOD + "tiemout = 5\n")
    fake = FakeSystemd(units={"shop": FakeUnit("active", since=5)}, wants=["shop"])
    status, said = run(machine, fake)
    assert status == 1
    assert said[0].endswith("shop.conf:3: unknown key tiemout: did you mean timeout?")
    assert fake.done == ["daemon-reload"]


def test_a_disabled_site_is_stopped(machine: Machine) -> None:
    machine.write("shop.conf", GOOD + 'start = "disabled"\n')
    fake = FakeSystemd(units={"shop": FakeUnit("active", since=5)})
    assert run(machine, fake) == (0, ["site shop: stopped, it is disabled"])


def test_a_refused_reload_is_reported(machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    unit = FakeUnit("active", since=5, reload_result="exit-code")
    fake = FakeSystemd(units={"shop": unit}, wants=["shop"], jobs=[("shop", "reload")])
    status, said = run(machine, fake)
    assert status == 1
    assert "reload refused" in said[0]


def test_nothing_starts_under_a_stopped_umbrella(machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    fake = FakeSystemd(wants=["shop"], umbrella="inactive")
    assert run(machine, fake) == (0, ["gunicorn.service is not running: nothing was started"])
    assert fake.done == ["daemon-reload"]


def test_the_umbrella_stops_only_what_is_being_stopped() -> None:
    fake = FakeSystemd(jobs=[("a", "stop"), ("b", "restart"), ("c", "start")])
    assert sync.umbrella_stop(Systemd(fake)) == 0
    assert fake.done == ["stop a"]


def test_the_umbrella_stays_up_when_a_site_does_not() -> None:
    def refusing(command: list[str]) -> Outcome:
        if command[1] == "start":
            return Outcome(1, "", "Job for gunicorn@a.service failed.\n")
        return Outcome(0, "gunicorn@a.service -.mount\n", "")

    said: list[str] = []
    assert sync.umbrella_start(Systemd(refusing), said.append) == 0
    assert said == ["Job for gunicorn@a.service failed."]
