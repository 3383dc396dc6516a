"""A real Django project under each launcher: served, and served anew after an edit and HUP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gunicorn.app import djangoapp
from tests.harness.environments import Environment, debian_tree, environment
from tests.harness.launcher import Launched, project
from tests.harness.server import ROOT, write_files

#: Debian 12's, and the two that are supported for long
RELEASES = ["3.2", "4.2", "5.2"]

LAUNCHERS = {
    "gunicorn": ["-m", "gunicorn", "--bind", "{bind}", "mysite.wsgi"],
    "gunicorn_django": ["-m", "gunicorn.app.djangoapp", "--bind", "{bind}"],
    "run_gunicorn": ["manage.py", "run_gunicorn", "{bind}"],
}


@pytest.fixture(params=RELEASES)
def django(request: pytest.FixtureRequest) -> Environment:
    if request.param == "3.2" and sys.version_info >= (3, 13):
        pytest.skip("Django 3.2 needs a Python before 3.13")
    return environment(f"django=={request.param}.*")


@pytest.fixture
def newest() -> Environment:
    return environment("django==5.2.*")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_project_is_served_and_reloaded(django: Environment, launcher: str) -> None:
    files = project("django_project")
    with Launched(django.python, *LAUNCHERS[launcher], files=files) as server:
        seen = server.get("/version").json()
        assert seen["version"] == "first"
        assert seen["settings"] == "mysite.settings"
        assert seen["language"] == "de"
        # the process that was started is the master, whoever else had it before
        assert seen["parent"] == server.pid

        server.edit("notes/views.py", '"first"', '"second"')
        with server.log_contains("Reloaded: generation 2"):
            server.signal(signal.SIGHUP)
        assert server.get("/version").json()["version"] == "second"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_django_of_this_debian(launcher: str) -> None:
    """Its package is patched and split, unlike the releases on the index."""
    tree = debian_tree("python3-django", "python3-asgiref", "python3-sqlparse", "python3-tz")
    path = f"{ROOT}:{tree}/usr/lib/python3/dist-packages"
    with Launched(
        *[environment().python, *LAUNCHERS[launcher]],
        files=project("django_project"),
        env={"PYTHONPATH": path},
    ) as server:
        seen = server.get("/version").json()
        assert (seen["version"], seen["language"]) == ("first", "de")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_edited_code_reloads_itself(newest: Environment, launcher: str) -> None:
    files = project("django_project")
    with Launched(newest.python, *LAUNCHERS[launcher], "--reload", files=files) as server:
        (worker,) = server.worker_pids()
        with server.log_contains("Worker reloading: ", f"Worker exiting (pid: {worker})"):
            server.edit("notes/views.py", '"first"', '"second"')
            # Views are imported by the first request; the models are imported, hence watched.
            server.edit("notes/models.py", "max_length=200", "max_length=201")
        assert server.get("/version").json()["version"] == "second"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_code_that_fails_leaves_the_old_code_serving(newest: Environment, launcher: str) -> None:
    files = project("django_project")
    with Launched(newest.python, *LAUNCHERS[launcher], files=files, expect_errors=True) as server:
        server.edit("mysite/settings.py", "LANGUAGE_CODE", "raise RuntimeError('not today')\nX")
        with server.log_contains("not today", "Reload failed"):
            server.signal(signal.SIGHUP)
        assert server.get("/version").json()["version"] == "first"


@pytest.mark.parametrize(
    "words",
    [
        ["mysite"],
        ["."],
        ["mysite/settings.py"],
        ["mysite.settings"],
        ["--settings", "mysite.settings"],
        ["--settings", "no.such.thing", "mysite.settings"],
        ["mysite", "and", "more"],
    ],
)
def test_settings_path(newest: Environment, words: list[str]) -> None:
    command = ["-m", "gunicorn.app.djangoapp", "--bind", "{bind}", *words]
    with Launched(newest.python, *command, files=project("django_project")) as server:
        assert server.get("/version").json()["settings"] == "mysite.settings"


def test_settings_flag_of_the_plain_command_reaches_the_project(newest: Environment) -> None:
    files = project("django_project")
    files["mysite/other.py"] = "from mysite.settings import *\nLANGUAGE_CODE = 'fr'\n"
    command = [*LAUNCHERS["gunicorn"], "--settings", "mysite.other"]
    with Launched(newest.python, *command, files=files) as server:
        assert server.get("/version").json()["language"] == "fr"


def test_manage_command_gives_its_options_once(newest: Environment) -> None:
    files = project("django_project") | {"conf.py": "workers = 1\nproc_name = 'filed'\n"}
    files["mysite/other.py"] = "from mysite.settings import *\nLANGUAGE_CODE = 'fr'\n"
    command = ["manage.py", "run_gunicorn", "--settings=mysite.other", "-v", "2", "--no-color"]
    options = ["--adminmedia=static", "-w", "2", "-c", "conf.py", "--no-sendfile", "-e", "A=b c"]
    with Launched(newest.python, *command, *options, "{bind}", files=files) as server:
        assert server.get("/version").json()["language"] == "fr"
        assert len(server.worker_pids()) == 2
        server.wait_log("Warning: --adminmedia has no effect", start=0)
        words = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")
        assert b"--raw-env" not in words
        assert b"--env=A=b c" in words


@pytest.mark.parametrize("before", [["-X", "dev", "-W", "ignore", "manage.py"], ["-m", "django"]])
def test_interpreter_options_are_kept(newest: Environment, before: list[str]) -> None:
    command = [*before, "run_gunicorn", "{bind}"]
    settings = {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
    with Launched(newest.python, *command, files=project("django_project"), env=settings) as server:
        assert server.get("/version").json()["parent"] == server.pid
        words = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
        kept = before[:-1] if before[-1] == "manage.py" else []
        assert words[1 : len(kept) + 1] == kept
        assert words[len(kept) + 1].endswith("gunicorn/app/fresh.py")


def test_project_that_is_gone_at_a_reload(newest: Environment) -> None:
    command = ["-m", "gunicorn.app.djangoapp", "--bind", "{bind}", "mysite"]
    files = project("django_project")
    with Launched(
        newest.python, *command, files=files, expect_errors=["django project not found"]
    ) as server:
        (server.directory / "mysite").rename(server.directory / "away")
        with server.log_contains("django project not found"):
            server.signal(signal.SIGHUP)
        assert server.get("/version").json()["version"] == "first"
        (server.directory / "away").rename(server.directory / "mysite")


def test_unix_socket_as_the_address_of_the_manage_command(newest: Environment) -> None:
    command = LAUNCHERS["run_gunicorn"]
    with Launched(
        newest.python, *command, bind="unix:socket", files=project("django_project")
    ) as server:
        assert server.get("/version").status == 200


def run(
    python: Path | str, directory: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    write_files(directory, project("django_project"))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [str(python), *words],
        cwd=directory,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_second_address_is_an_error(newest: Environment, tmp_path: Path) -> None:
    done = run(newest.python, tmp_path, "manage.py", "run_gunicorn", "1:1", "2:2")
    assert done.returncode == 1
    assert "Usage is run_gunicorn [OPTIONS] [PORT | ADDR:PORT | unix:PATH]" in done.stderr


def test_bare_port_is_one_of_this_machine(newest: Environment, tmp_path: Path) -> None:
    options = ["--print-config", "--workers", "3", "--check-config", "--proxy-protocol"]
    done = run(newest.python, tmp_path, "manage.py", "run_gunicorn", "9955", *options)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    found = {name: (value, origin) for name, value, origin in rows}
    assert found["bind"] == ("['127.0.0.1:9955']", "--bind")
    assert found["workers"] == ("3", "--workers")
    assert found["proxy_protocol"] == ("True", "--proxy-protocol")
    assert found["django_settings"] == ("'mysite.settings'", "--settings")
    assert (done.returncode, done.stderr) == (0, "")


def test_program_may_call_the_command(newest: Environment, tmp_path: Path) -> None:
    program = (
        "import django; from django.core.management import call_command; django.setup();"
        "call_command('run_gunicorn', '8001', workers=3, print_config=True, sendfile=False)"
    )
    variables = {"DJANGO_SETTINGS_MODULE": "mysite.settings"}
    done = run(newest.python, tmp_path, "-c", program, **variables)
    assert "workers\t3\t--workers\n" in done.stdout
    assert "sendfile\tFalse\t" in done.stdout
    assert "bind\t['127.0.0.1:8001']\t--bind\n" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_project_that_its_own_checks_refuse(newest: Environment, tmp_path: Path) -> None:
    write_files(tmp_path, project("django_project"))
    urls = tmp_path / "mysite" / "urls.py"
    (tmp_path / "mysite" / "other.py").write_text(
        "from mysite.settings import *\nROOT_URLCONF = 'mysite.bad'\n"
    )
    (tmp_path / "mysite" / "bad.py").write_text(urls.read_text() + "handler404 = 'no.such'\n")
    words = ["-m", "gunicorn.app.djangoapp", "--check-config", "mysite.other"]
    done = run(newest.python, tmp_path, *words)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Django's system checks found errors: ")
    assert "handler404" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["no/such"], 1, "Error: django project not found: no settings.py in "),
        (["--check-config", "no.such"], 1, "Error: No settings module 'no.such', from SETTINGS_"),
        (
            ["--check-config", "--settings", "mysite.no"],
            1,
            "Error: No settings module 'mysite.no', from --settings: ModuleNotFoundError",
        ),
        (["--check-config", "--chdir", "notes/templates"], 1, "Error: django project not found: "),
    ],
)
def test_project_that_is_not_there(
    newest: Environment, tmp_path: Path, words: list[str], status: int, message: str
) -> None:
    done = run(newest.python, tmp_path, "-m", "gunicorn.app.djangoapp", *words)
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.returncode == status


def test_missing_django_is_one_line(tmp_path: Path) -> None:
    bare = environment()
    done = run(bare.python, tmp_path, "-m", "gunicorn.app.djangoapp", "--check-config")
    assert done.stderr == (
        f"Error: Django is not installed for {bare.python}: apt-get install python3-django, "
        "or in a virtual environment: pip install django\n"
    )
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["settings.py"], "PROJECT.settings"),
        (["b/settings.py", "c/settings.py"], "b.settings"),
        (["my-site/settings.py"], "settings"),
        (["a/b/settings.py"], None),
        ([], None),
    ],
)
def test_search_for_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], expected: str | None
) -> None:
    monkeypatch.setattr(sys, "path", ["kept"])
    project_directory = tmp_path / "PROJECT"
    project_directory.mkdir()
    for name in files:
        (project_directory / name).parent.mkdir(parents=True, exist_ok=True)
        (project_directory / name).touch()
    assert djangoapp.find_project(str(project_directory)) == expected
    assert sys.path[-1] == "kept"
    assert len(sys.path) == (3 if expected else 1)
