from __future__ import annotations

import os
from pathlib import Path

import pytest

from gunicorn.app import siteapp
from gunicorn.app.siteapp import SiteApplication
from gunicorn.errors import ConfigError
from gunicorn.sites.account import Account
from gunicorn.sites.site import Site
from tests.sites.conftest import GOOD, Machine, machine

__all__ = ["machine"]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Account]:
    """The user of every site is who runs the tests, until a test says otherwise."""
    current = {"is": Account("shop", os.geteuid(), os.getegid(), "/", "/bin/sh", (), 0)}

    def account_of(site: Site) -> Account:
        return current["is"]

    monkeypatch.setattr(siteapp.accounts, "account_of", account_of)
    return current


def application(machine: Machine, text: str) -> SiteApplication:
    machine.write("shop.conf", text)
    return SiteApplication("shop", machine.paths, machine.rules)


def test_a_site_has_its_places_by_convention(machine: Machine) -> None:
    app = application(machine, GOOD)
    cfg, root = app.cfg, machine.paths.root
    assert cfg.bind == [f"unix:{root}/run/gunicorn/shop/socket"]
    assert cfg.errorlog == f"{root}/var/log/gunicorn/shop/error.log"
    assert cfg.accesslog == f"{root}/var/log/gunicorn/shop/access.log"
    assert cfg.pidfile == f"{root}/run/gunicorn/shop/gunicorn.pid"
    assert cfg.control_socket == f"{root}/run/gunicorn/shop/control"
    assert (cfg.umask, cfg.daemon, cfg.uid, cfg.proc_name) == (
        0o117,
        False,
        os.geteuid(),
        "shop",
    )


def test_the_site_file_wins_over_its_python_file_and_that_over_conventions(
    machine: Machine, tmp_path: Path
) -> None:
    python = tmp_path / "settings.py"
    python.write_text(
        "workers = 7\ntimeout = 11\nbind = '127.0.0.1:0'\ndaemon = True\n"
        "control_socket = '/tmp/x'\ndef when_ready(server): pass\n"
    )
    app = application(machine, GOOD + f'workers = 3\nconfig = "{python}"\n[env]\nA = "1"\n')
    cfg = app.cfg
    assert (cfg.workers, cfg.timeout, cfg.bind) == (3, 11, ["127.0.0.1:0"])
    assert (cfg.daemon, cfg.control_socket) == (False, str(machine.paths.control("shop")))
    assert cfg.env == {"A": "1"}
    assert cfg.when_ready.__name__ == "when_ready"
    assert cfg.origin("workers") == f"{app.site.path}:3"
    assert cfg.origin("timeout") == f"{python}:2"


def test_the_environment_of_the_process_says_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "9999")
    monkeypatch.setenv("WEB_CONCURRENCY", "9")
    app = application(machine, GOOD)
    assert app.cfg.workers == 1
    assert "9999" not in str(app.cfg.bind)


def test_a_wrong_site_file_ends_with_its_own_status(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        application(machine, GOOD + "tiemout = 5\n")
    assert caught.value.code == 78
    assert "shop.conf:3: unknown key tiemout: did you mean timeout?" in capsys.readouterr().err


def test_a_site_is_never_started_as_somebody_else(
    machine: Machine, account: dict[str, Account], capsys: pytest.CaptureFixture[str]
) -> None:
    account["is"] = Account("shop", os.geteuid() + 1, os.getegid(), "/", "/bin/sh", (), 0)
    with pytest.raises(SystemExit) as caught:
        application(machine, GOOD)
    assert caught.value.code == 78
    assert "shop.conf:2: the site runs as shop" in capsys.readouterr().err


def test_reload_reads_the_site_file_again(machine: Machine) -> None:
    app = application(machine, GOOD)
    machine.write("shop.conf", GOOD + "workers = 5\n")
    app.reload()
    assert app.cfg.workers == 5


def test_a_reload_of_a_wrong_file_leaves_everything_as_it_was(machine: Machine) -> None:
    app = application(machine, GOOD + "workers = 2\n")
    before, site = app.cfg, app.site
    machine.write("shop.conf", GOOD + "workers = 'x'\n")
    with pytest.raises(ConfigError, match=r"shop.conf:3: workers:"):
        app.reload()
    assert app.cfg is before
    assert app.site is site


def test_a_file_that_others_may_write_is_refused_at_a_reload_too(machine: Machine) -> None:
    app = application(machine, GOOD)
    machine.paths.site_file("shop").chmod(0o666)
    with pytest.raises(ConfigError, match="writable by everybody"):
        app.reload()


def test_a_reload_after_a_change_of_user_stays_who_it_is_and_says_so(
    machine: Machine, account: dict[str, Account]
) -> None:
    app = application(machine, GOOD)
    account["is"] = Account("new", os.geteuid() + 1, os.getegid(), "/", "/bin/sh", (), 0)
    app.reload()
    assert app.cfg.uid == os.geteuid()
    assert "gunicornctl restart shop" in app.cfg.warnings[0]


def test_the_mode_says_what_app_names(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a project is loaded is told in the tests of its launcher; here, that it is asked for."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        siteapp.djangoapp, "load_project", lambda *given: asked.append(given) or "the project"
    )
    monkeypatch.setattr(siteapp.pasterapp, "load_app", lambda cfg: asked.append((cfg.paste,)))
    # Set and deleted, so that what the application sets does not outlive this test.
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    text = 'app = "shop.settings"\nmode = "django"\nuser = "shop"\n'
    app = application(machine, text)
    assert app.load() == "the project"
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    ini = tmp_path / "shop.ini"
    ini.write_text("[app:main]\nuse = egg:shop\n\n[server:main]\nuse = egg:gunicorn\nworkers = 5\n")
    app = application(machine, f'app = "{ini}"\nmode = "paster"\nuser = "shop"\n')
    assert app.cfg.workers == 5
    assert app.cfg.bind == [f"unix:{machine.paths.socket('shop')}"]
    app.load()
    assert asked == [("shop.settings", f"{app.site.path}:1"), (str(ini),)]
