"""The manual page, the completion, and the table they and the command are made from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gunicorn.sites import control, keys, manual
from gunicorn.sites.commands import COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_every_verb_leads_to_a_function(command) -> None:
    assert callable(command.load())


def test_no_verb_loads_the_server() -> None:
    program = (
        "import sys\nfrom gunicorn.sites.commands import COMMANDS\n"
        "[one.load() for one in COMMANDS]\n"
        "sys.exit(str({'gunicorn.http', 'gunicorn.workers', 'gunicorn.arbiter', 'ssl'}"
        " & set(sys.modules)).replace('set()', '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_unit_runs_loads_no_verb_for_people() -> None:
    program = (
        "import sys\nfrom gunicorn.sites import control\n"
        "[one.load() for one in control.COMMANDS if one.name in ('exec', 'prepare')]\n"
        "sys.exit('gunicorn.sites.verbs' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_page_names_every_verb_key_and_status() -> None:
    page = "\n".join(manual.man8()).replace("\\-", "-")
    for command in COMMANDS:
        if command.text:
            assert f".TP\n.B {manual.synopsis(command)}" in page
        else:
            assert f".B {command.name}" not in page
    for key in [*keys.SITE_KEYS, *keys.LIMIT_KEYS]:
        assert f".TP\n.B {key}\n" in page
    for status in manual.STATUSES:
        assert f".TP\n.B {status}\n" in page
        assert status in (control.__doc__ or "")


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_page_is_good_roff() -> None:
    page = "\n".join(manual.man8())
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gunicornctl", "rel"], {"reload"}),
        (["gunicornctl", "list", "--j"], {"--json"}),
        (["gunicornctl", "reload", "sh"], {"shop"}),
        (["gunicornctl", "stop", ""], {"--all", "--help", "shop", "blog.v2"}),
        (["gunicornctl", "nonsense", ""], set()),
    ],
)
def test_completion(tmp_path: Path, words: list[str], expected: set[str]) -> None:
    for name in ("shop.conf", "blog.v2.conf", "$(touch pwned).conf", "README"):
        (tmp_path / name).write_text("")
    script = "\n".join(manual.bash()).replace("/etc/gunicorn.d", str(tmp_path))
    script += (
        f"\nCOMP_WORDS=({' '.join(repr(word) for word in words)})\nCOMP_CWORD={len(words) - 1}\n"
        "_gunicornctl\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert (set(done.stdout.split()), done.stderr) == (expected, "")
    assert not (tmp_path / "pwned").exists()
