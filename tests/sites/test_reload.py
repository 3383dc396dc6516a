"""The reload of all: a few at a time, a verdict each, one table."""

from __future__ import annotations

import json
import threading

from gunicorn.sites import reload
from gunicorn.sites.reload import FAILED, KEPT, OK, Verdict
from gunicorn.sites.systemctl import Outcome
from tests.sites.conftest import GOOD, Machine
from tests.sites.test_sync import FakeSystemd, FakeUnit


def test_no_more_at_a_time_than_asked_for() -> None:
    """Two meet at a barrier that three would break; verdicts keep the order of the names."""
    pairs = threading.Barrier(2)
    now, most = set(), []

    def one(name: str) -> Verdict:
        now.add(name)
        most.append(len(now))
        pairs.wait(10)
        now.discard(name)
        return Verdict(name, OK, 0.1)

    names = ["f", "e", "d", "c", "b", "a"]
    assert [found.site for found in reload.run(names, one, 2)] == names
    assert max(most) <= 2


def test_an_error_of_ours_leaves_no_site_out() -> None:
    def one(name: str) -> Verdict:
        if name == "a":
            raise ZeroDivisionError("ours")
        return Verdict(name, OK, 0.1)

    assert [found.verdict for found in reload.run(["a", "b"], one, 4)] == [FAILED, OK]
    assert reload.run([], one, 4) == []


def test_the_reason_is_the_line_that_says_it() -> None:
    refused = "site shop: reload refused, the old code goes on: NameError: name 'x'"
    assert (
        reload.reason_of(["[1] [INFO] Reloading", refused, "  Traceback"]) == "NameError: name 'x'"
    )
    assert reload.reason_of(["one", "two"]) == "two"
    assert reload.reason_of([]) == ""


class Reloading(FakeSystemd):
    """Reloads end as told: with status 0, or with a refusal that leaves the unit up or down."""

    verdicts: dict[str, str]

    def __call__(self, command: list[str]) -> Outcome:
        if command[0] == "journalctl":
            return Outcome(0, "site x: reload refused, the old code goes on: a reason\n", "")
        outcome = super().__call__(command)
        for name, verdict in self.verdicts.items():
            if command[1] == "reload" and command[-1] == f"gunicorn@{name}.service":
                self.units[name].active = "failed" if verdict == FAILED else "active"
                return Outcome(0 if verdict == OK else 1, "", "Job for it failed.")
        return outcome


def test_a_table_for_all_and_one_that_failed_fails_it(ctl, machine: Machine) -> None:
    for name in ("down", "fine", "kept", "asleep", "fresh"):
        machine.write(f"{name}.conf", GOOD)
    running = {name: FakeUnit("active", since=5) for name in ("down", "fine", "kept")}
    fake = Reloading(units={**running, "asleep": FakeUnit("inactive", since=5)}, wants=["fresh"])
    fake.verdicts = {"fine": OK, "kept": KEPT, "down": FAILED}
    status, out, err = ctl("reload", "--jobs", "2", systemd=fake)
    assert status == 1
    assert [line.split()[:2] for line in out[1:]] == [
        ["down", "failed"], ["fine", "ok"], ["kept", "kept"]
    ]  # fmt: skip
    assert out[3].endswith("a reason")
    assert err == ["site fresh: started"]

    fake.verdicts = dict.fromkeys(("fine", "kept", "fresh"), OK)
    fake.units.pop("down")
    machine.paths.site_file("down").unlink()
    status, out, _ = ctl("reload", "--json", systemd=fake)
    assert status == 0
    sites = json.loads("\n".join(out))["sites"]
    assert [(one["site"], one["verdict"]) for one in sites] == [
        ("fine", "ok"), ("fresh", "ok"), ("kept", "ok")
    ]  # fmt: skip


def test_a_broken_file_fails_it_too(ctl, machine: Machine) -> None:
    machine.write("bad.conf", GOOD + "tiemout = 5\n")
    status, out, err = ctl("umbrella-reload", systemd=FakeSystemd())
    assert (status, out) == (1, [])
    assert err[0].endswith("bad.conf:3: unknown key tiemout: did you mean timeout?")


def test_without_a_supervisor_there_is_nothing_to_reload(ctl, machine: Machine) -> None:
    assert ctl("reload", "--all")[::2] == (1, ["no supervisor is running: gunicornctl run --all"])
