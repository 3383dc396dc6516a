from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gunicorn.sites import survey, talk, verbs
from gunicorn.sites.systemctl import Outcome, Systemd
from gunicorn.sites.talk import EndedError, NotRunningError, Question
from tests.sites.conftest import GOOD, Machine
from tests.sites.test_sync import FakeSystemd, FakeUnit


def test_check_tells_everything_and_touches_nothing(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    machine.write("bad.conf", GOOD + "tiemout = 5\nworkers = 'x'\n")
    machine.write("Odd.conf", GOOD)
    status, out, err = ctl("check")
    assert status == 78
    assert out == ["shop: ok"]
    assert [line.rpartition("/")[2].partition(": ")[0] for line in err] == [
        "bad.conf:3",
        "bad.conf:4",
        "Odd.conf",
    ]
    assert ctl("check", "shop") == (0, ["shop: ok"], [])
    assert ctl("check", "--all")[0] == 78


def test_check_looks_for_the_places_a_site_names(ctl, machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD + 'chdir = "/nowhere"\n')
    assert ctl("check", "shop") == (
        78, [], [f"{path}:3: chdir: /nowhere does not exist (as user shop)"]
    )  # fmt: skip


def test_check_of_a_file_that_is_not_in_its_place_yet(
    ctl, machine: Machine, tmp_path: Path
) -> None:
    draft = tmp_path / "draft.conf"
    draft.write_text(GOOD)
    draft.chmod(0o666)
    assert ctl("check", str(draft)) == (0, [f"{draft}: ok"], [])
    draft.write_text("app = a:b\n")
    assert ctl("check", str(draft))[2] == [f'{draft}:1: strings are quoted: app = "a:b"']
    assert "is no site name" in ctl("check", str(tmp_path / "No.conf"))[2][0]
    placed = machine.write("shop.conf", GOOD)
    placed.chmod(0o666)
    assert "writable by everybody" in ctl("check", str(placed))[2][0]


@pytest.mark.parametrize("verb", ["start", "restart", "reload"])
def test_nothing_is_touched_for_a_site_that_could_not_start(
    ctl, machine: Machine, verb: str
) -> None:
    machine.write("shop.conf", GOOD)
    machine.write("bad.conf", GOOD + "tiemout = 5\n")
    machine.write("off.conf", GOOD + 'start = "disabled"\n')
    fake = FakeSystemd()
    status, _, err = ctl(verb, "bad", systemd=fake)
    assert (status, err[0].endswith("bad.conf:3: unknown key tiemout: did you mean timeout?")) == (
        78,
        True,
    )
    assert ctl(verb, "shpo", systemd=fake)[::2] == (
        5,
        ["there is no site shpo, did you mean shop?"],
    )
    assert ctl(verb, "../etc", systemd=fake)[0] == 5
    status, _, err = ctl(verb, "off", systemd=fake)
    assert (status, err[0].endswith("off.conf:3: site off is disabled")) == (1, True)
    assert fake.done == []


def test_start_under_systemd_makes_units_fresh_first(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    fake = FakeSystemd()
    assert ctl("start", "shop", systemd=fake)[0] == 0
    assert fake.done == ["daemon-reload", "reset-failed shop", "start shop"]


def test_reload_of_what_does_not_run(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    fake = FakeSystemd(units={"shop": FakeUnit("inactive")})
    assert ctl("reload", "shop", systemd=fake) == (7, [], ["site shop is not running"])


@pytest.mark.parametrize("name", ["*", "../shop", "--force", "shop.service x"])
def test_stop_reaches_sites_only(ctl, machine: Machine, name: str) -> None:
    fake = FakeSystemd()
    assert ctl("stop", "--", name, systemd=fake)[0] == 5
    assert fake.done == []


def test_list_and_status_show_one_record(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    machine.write("later.conf", GOOD + 'start = "manual"\n')
    fake = FakeSystemd(units={"shop": FakeUnit("active", since=5)})
    status, out, _ = ctl("list", systemd=fake)
    assert (status, out[1].split()[:3], out[2].split()[:3]) == (
        0,
        ["later", "stopped", "manual"],
        ["shop", "running", "auto"],
    )
    document = json.loads("\n".join(ctl("list", "--json", systemd=fake)[1]))
    assert [one["name"] for one in document["sites"]] == ["later", "shop"]
    assert ctl("status", systemd=fake)[0] == 0
    assert ctl("status", "shop", systemd=fake)[1][:2] == ["site shop", "  state:      running"]
    assert ctl("status", "later", systemd=fake)[0] == 3
    assert ctl("status", "nosuch", systemd=fake)[0] == 4


def test_without_systemd_and_supervisor(ctl, machine: Machine) -> None:
    machine.write("shop.conf", GOOD)
    assert ctl("start", "shop") == (
        7, [], ["no supervisor is running: gunicornctl run --all"]
    )  # fmt: skip
    assert ctl("stop", "shop")[0] == 0
    assert ctl("reload", "shop") == (7, [], ["site shop is not running"])
    assert ctl("list")[1][1].split()[:3] == ["shop", "stopped", "auto"]


def test_rotation_succeeds_when_no_site_runs(ctl, machine: Machine) -> None:
    machine.paths.run_dir("shop").mkdir()
    machine.paths.control("shop").write_text("not even a socket")
    assert ctl("reopen-logs") == (0, [], [])


STOPPING = {"ok": False, "error": "the server is stopping", "phase": "stopping"}


@pytest.mark.parametrize(
    ("answers", "is_left", "expected"),
    [
        ([NotRunningError("x"), EndedError(), {"ok": True}], True, (0, [])),
        ([NotRunningError("x")], False, (0, [])),
        ([STOPPING, STOPPING, NotRunningError("x"), {"ok": True}], True, (0, [])),
        ([STOPPING], False, (0, [])),
        (
            [{"ok": False, "error": "disk full"}],
            True,
            (1, ["site shop refused: disk full; its logs were not reopened"]),
        ),
        (
            [NotRunningError("is not running")] * 100,
            True,
            (1, ["site shop is not running; its logs were not reopened"]),
        ),
    ],
)
def test_rotation_waits_for_a_site_that_is_starting_or_ending(
    ctl, machine: Machine, monkeypatch: pytest.MonkeyPatch, answers, is_left: bool, expected
) -> None:
    """What it has opened may be the file that was just renamed."""
    left = list(answers)
    question = Question("shop", "/x", 1, 1, {})
    monkeypatch.setattr(survey, "questions", lambda *_: [question])
    monkeypatch.setattr(talk, "ask_all", lambda *_: {"shop": left.pop(0)})
    monkeypatch.setattr(verbs, "_PAUSE", 0.0)
    monkeypatch.setattr(verbs, "_REOPEN_PATIENCE", 0.0 if len(answers) > 50 else 30.0)
    monkeypatch.setattr(Systemd, "pids", lambda self, site: [77] if is_left else [])

    def systemctl(command: list[str]) -> Outcome:
        if "list-units" in command:
            return Outcome(0, "gunicorn@shop.service loaded deactivating stop-sigterm\n", "")
        return Outcome(0, "Id=gunicorn@shop.service\nActiveState=deactivating\n", "")

    machine.paths.run_dir("shop").mkdir()
    status, _, said = ctl("reopen-logs", systemd=systemctl)
    assert (status, said) == expected
    assert left == [] or len(left) > 50


def test_prepare_leaves_a_refusal_to_the_main_process(ctl, machine: Machine) -> None:
    machine.write("bad.conf", "app = 5\n")
    assert ctl("prepare", "bad") == (0, [], [])
    assert list(machine.paths.run.iterdir()) == []
    status, _, err = ctl("exec", "bad")
    assert (status, len(err)) == (78, 2)
    assert ctl("refuse", "bad")[::2] == (78, err)


def test_refuse_says_when_the_unit_is_older_than_the_file(ctl, machine: Machine) -> None:
    path = machine.write("shop.conf", GOOD)
    assert ctl("refuse", "shop") == (
        78, [], [f"{path} is right now, its unit is older: gunicornctl sync"]
    )  # fmt: skip


def test_what_only_root_may(
    ctl, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for verb in ("start", "stop", "restart", "reload", "sync", "reopen-logs", "run"):
        status, _, err = ctl(verb)
        assert (status, err) == (4, [f"only root may {verb}: sudo gunicornctl {verb} ..."])


@pytest.mark.parametrize(
    "arguments", [[], ["strat"], ["start", "--all", "shop"], ["list", "shop"], ["prepare"]]
)
def test_a_command_line_that_makes_no_sense(ctl, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ctl(*arguments)
    assert caught.value.code == 2


def test_every_exit_status_is_in_the_help(ctl, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ctl("--help")
    text = capsys.readouterr().out
    for number in ("0 done", "1 failed", "2 usage", "4 only root", "5 no such site", "78 a site"):
        assert number in text
    assert "umbrella-start" not in text
