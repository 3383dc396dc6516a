"""The manual that is made from the declarations."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess

import pytest

from gunicorn.config import KNOWN_SETTINGS, manual

ROFF_REQUEST = re.compile(r"\.(\\\"|TH|SH|SS|PP|IP|TP|B|BR|RI|I|RS|RE|nf|fi|br)\b|\.\\\"")


def page(form: str) -> str:
    return "\n".join(manual.FORMS[form]())


@pytest.mark.parametrize("cls", KNOWN_SETTINGS, ids=lambda cls: cls.name)
def test_setting_is_in_the_reference_and_on_its_page(cls: type) -> None:
    assert f".. _setting-{cls.name.replace('_', '-')}:" in page("rst")
    assert f"\n.B {cls.name}\n" in page("man5")
    for flag in cls.cli or []:
        assert flag.replace("-", "\\-") in page("man1")


@pytest.mark.parametrize("form", ["man1", "man5"])
def test_page_is_made_of_known_requests(form: str) -> None:
    for line in page(form).splitlines():
        if line.startswith((".", "'")):
            assert ROFF_REQUEST.match(line), line
        assert "``" not in line


@pytest.mark.parametrize("form", ["man1", "man5"])
def test_groff_has_no_complaint(form: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-ww", "-z", "-Kutf8"], input=page(form), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_headings_are_underlined_in_full() -> None:
    lines = page("rst").splitlines()
    for above, line in itertools.pairwise(lines):
        if line and not line.strip("=-~") and "  " not in line and above:
            assert len(line) == len(above)


def test_unknown_form_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert manual.main([]) == 2
    assert manual.main(["html"]) == 2
    assert "rst|man1|man5" in capsys.readouterr().err
    assert manual.main(["rst"]) == 0
    assert capsys.readouterr().out.startswith(".. Made by")
