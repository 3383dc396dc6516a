from __future__ import annotations

import os
from pathlib import Path

import pytest

from gunicorn.errors import ConfigError
from gunicorn.sites import envfile, units
from gunicorn.sites.generator import generate
from gunicorn.sites.site import Site, SiteError
from tests.sites.conftest import GOOD, Machine

SECRET = "hunter2"


@pytest.fixture
def site(machine: Machine) -> Site:
    path = machine.paths.root / "etc/gunicorn/shop.env"
    path.parent.mkdir(mode=0o755)
    path.write_text(f"# the shop's\nDATABASE_PASSWORD='{SECRET}'\nexport TOKEN = a=b c\n\nEMPTY=\n")
    path.chmod(0o600)
    return machine.site(GOOD + f'env_file = "{path}"\n')


def test_values_and_their_spellings(machine: Machine, site: Site) -> None:
    assert envfile.read(site, machine.rules) == {
        "DATABASE_PASSWORD": SECRET,
        "TOKEN": "a=b c",
        "EMPTY": "",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A\n", "f:1: a line is NAME=value"),
        ("\nA='x\n", "f:2: the quote is not closed"),
        ("A='\n", "f:1: the quote is not closed"),
        ("A B=x\n", "f:1: a line is NAME=value"),
        ("1A=x\n", "f:1: it is no name of an environment variable"),
        ("NOTIFY_SOCKET=/x\n", "f:1: it belongs to the service manager"),
        ("A=x\x1b[2J\n", "f:1: it holds a line break or another control character"),
    ],
)
def test_a_wrong_line_is_named_and_not_shown(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        envfile.parse("f", text)
    assert str(caught.value) == reason


def test_the_unit_has_a_copy_made_and_no_value(site: Site) -> None:
    text = units.site_dropin(site)
    assert f"LoadCredential=env_file:{site.env_file}\nSetCredential=env_file:missing file" in text
    assert SECRET not in text
    assert "EnvironmentFile" not in text


def test_the_copy_of_systemd_is_read(site: Site, tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "env_file").write_text("A=1\n")
    assert envfile.read_credential(site, environ) == {"A": "1"}
    (tmp_path / "env_file").write_text("missing file")
    with pytest.raises(SiteError, match=r"shop.conf:3: env_file: .*/shop.env does not exist"):
        envfile.read_credential(site, environ)
    with pytest.raises(SiteError, match="gunicornctl sync"):
        envfile.read_credential(site, {})


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o644, "open to everybody"), (0o620, "writable by group")]
)
def test_a_file_that_others_may_open_breaks_the_site_alone(
    machine: Machine, site: Site, tmp_path: Path, mode: int, reason: str
) -> None:
    path = Path(str(site.env_file))
    path.chmod(mode)
    if mode == 0o620:
        # root's own group does not count as others
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(path, -1, 12345)
    said = generate(tmp_path / "units", machine.paths, machine.rules)
    assert len(said) == 1
    assert "shop.conf:3: env_file: " in said[0]
    assert reason in said[0]
    assert "refuse" in (tmp_path / "units/gunicorn@shop.service.d/10-site.conf").read_text()


def test_a_link_to_somewhere_else_is_followed_with_suspicion(machine: Machine, site: Site) -> None:
    path = Path(str(site.env_file))
    target = machine.paths.root / "open"
    target.mkdir()
    target.chmod(0o777)
    (target / "real").write_text("A=1\n")
    path.unlink()
    path.symlink_to(target / "real")
    assert "writable by everybody" in (envfile.problem(site, machine.rules) or "")


@pytest.mark.parametrize("value", ["shop.env", "/etc/a:b", "/etc/a%n", "/etc/../x"])
def test_where_such_a_file_cannot_be(machine: Machine, value: str) -> None:
    assert machine.problems(GOOD + f'env_file = "{value}"\n')[0].startswith("3: env_file: ")
