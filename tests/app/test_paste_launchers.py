"""A PasteDeploy file under each launcher: served, and served anew after an edit and HUP."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.environments import Environment, environment
from tests.harness.launcher import Launched, project
from tests.harness.server import ROOT, write_files

#: pserve and PasteScript still ask for pkg_resources here and there
PYRAMID = ("pyramid", "setuptools<81")
PASTESCRIPT = ("PasteScript", "PasteDeploy", "setuptools<81")


@pytest.fixture(scope="session")
def pyramid() -> Environment:
    return environment(*PYRAMID)


def launch(house: Path, *command: str | Path, **files: str) -> Launched:
    """Start the project; applications are found beside the INI, as an installed one would be."""
    given = project("paste_project") | {f"{name}.ini": text for name, text in files.items()}
    return Launched(*command, house=house, env={"PYTHONPATH": f"{house}:."}, files=given)


def edit_and_reload(server: Launched) -> None:
    server.edit("webapp.py", '"first"', '"second"')
    with server.log_contains("Reloaded: generation 2"):
        server.signal(signal.SIGHUP)


LAUNCHERS = {
    "gunicorn --paste": ["-m", "gunicorn", "--paste", "production.ini"],
    "gunicorn_paster": ["{house}/bin/gunicorn_paster", "production.ini"],
    "pserve": ["{env}/bin/pserve", "production.ini"],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_file_is_served_and_reloaded(pyramid: Environment, installed: Path, launcher: str) -> None:
    places = {"house": str(installed), "env": str(pyramid.path)}
    words = [word.format(**places) for word in LAUNCHERS[launcher]]
    with launch(installed, pyramid.python, *words) as server:
        seen = server.get().json()
        assert (seen["version"], seen["local"]) == ("first", {"name": "main"})
        assert seen["global"]["greeting"] == "hello"
        # the process that was started is the master, whoever else had it before
        assert seen["parent"] == server.pid
        # settings, hooks and loggers of the file
        assert len(server.worker_pids()) == 2
        log = server.log_text()
        assert "paste INFO the hook of the INI was here: brim" in log
        assert "paste INFO Listening at: http://127.0.0.1:" in log
        assert "Listening at: " in (server.directory / "paste.log").read_text()

        edit_and_reload(server)
        assert server.get().json()["version"] == "second"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_edited_code_reloads_itself(pyramid: Environment, installed: Path, launcher: str) -> None:
    places = {"house": str(installed), "env": str(pyramid.path)}
    words = [word.format(**places) for word in LAUNCHERS[launcher]]
    ini = project("paste_project")["production.ini"].replace("workers = 2", "reload = true")
    with launch(installed, pyramid.python, *words, production=ini) as server:
        (worker,) = server.worker_pids()
        said = ["Worker reloading: ", "webapp.py modified", f"Worker exiting (pid: {worker})"]
        with server.log_contains(*said):
            server.edit("webapp.py", '"first"', '"second"')
        assert server.get().json()["version"] == "second"


def test_settings_and_loggers_of_the_file_are_read_again(
    pyramid: Environment, installed: Path
) -> None:
    command = [pyramid.script("pserve"), "production.ini"]
    with launch(installed, pyramid.python, *command) as server:
        server.edit("production.ini", "workers = 2", "workers = 1")
        server.edit("production.ini", "format = paste", "format = again")
        with server.log_contains("again INFO Reloaded: generation 2"):
            server.signal(signal.SIGHUP)
        assert len(server.wait_workers(lambda pids: len(pids) == 1)) == 1


def test_file_that_is_gone_at_a_reload(pyramid: Environment) -> None:
    errors = ["Config file not found: "]
    with Launched(
        *[pyramid.python, "-m", "gunicorn.app.pasterapp", "production.ini"],
        files=project("paste_project"),
        env={"PYTHONPATH": f"{ROOT}:."},
        expect_errors=errors,
    ) as server:
        (server.directory / "production.ini").rename(server.directory / "away.test")
        with server.log_contains("Config file not found: "):
            server.signal(signal.SIGHUP)
        assert server.get().json()["version"] == "first"


def test_paster_serve(installed: Path) -> None:
    paster = environment(*PASTESCRIPT)
    command = [paster.script("paster"), "serve", "production.ini", "workers=1", "timeout=17"]
    with launch(installed, paster.python, *command) as server:
        seen = server.get().json()
        assert seen["parent"] == server.pid
        assert seen["global"]["timeout"] == "17"
        assert len(server.worker_pids()) == 1
        edit_and_reload(server)
        assert server.get().json()["version"] == "second"


def test_application_and_variables_beside_the_file(pyramid: Environment) -> None:
    flags = ["--paste-global", "x=1", "--paste-global", "keepalive=7"]
    command = ["-m", "gunicorn", "--bind", "{bind}", "--paste", "production.ini#admin", *flags]
    with launch(ROOT, pyramid.python, *command) as server:
        seen = server.get().json()
        assert seen["local"] == {"name": "admin"}
        assert seen["global"]["x"] == "1"


def test_server_with_an_application_of_its_own_keeps_it(
    pyramid: Environment, installed: Path
) -> None:
    command = [pyramid.script("pserve"), "-n", "admin", "production.ini"]
    with launch(installed, pyramid.python, *command) as server:
        assert server.get().json()["local"] == {"name": "admin"}
        server.wait_log("Warning: a reload will restart the workers with the code", start=0)
        edit_and_reload(server)
        assert server.get().json() | {"parent": 0} == {
            "version": "first",
            "local": {"name": "admin"},
            "global": server.get().json()["global"],
            "parent": 0,
        }


def test_program_may_call_the_server(installed: Path) -> None:
    program = (
        "from gunicorn.app.pasterapp import paste_server\n"
        "from webapp import make_app\n"
        "paste_server(make_app({'from': 'a program'}), host='127.0.0.1', port='0', workers='2',"
        " unknown='x')\n"
    )
    python = environment().python
    with launch(ROOT, python, "-c", program) as server:
        assert server.get().json()["global"] == {"from": "a program"}
        assert len(server.worker_pids()) == 2


# -- what is wrong ---------------------------------------------------------------------------------


def run(
    directory: Path, python: Path, *words: str, **files: str
) -> subprocess.CompletedProcess[str]:
    given = project("paste_project") | {f"{name}.ini": text for name, text in files.items()}
    write_files(directory, given)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, *words], cwd=directory, env=environ, capture_output=True, text=True, timeout=60
    )


PASTER = ["-m", "gunicorn.app.pasterapp"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (PASTER, 2, "error: No application name specified.\n"),
        ([*PASTER, "a.ini", "b.ini"], 2, "error: No application name specified.\n"),
        ([*PASTER, "no.ini"], 2, "error: Config file not found: {here}/no.ini\n"),
        (["-m", "gunicorn", "--paste", "no.ini"], 1, "Error: Config file not found: {here}/no.ini"),
        (
            [*PASTER, "bad.ini"],
            1,
            "Error: Invalid value for workers: 'many', from {here}/bad.ini:3. ",
        ),
        ([*PASTER, "hook.ini"], 1, "Error: Invalid value for pre_fork: 'no.such', from {here}"),
        (
            ["-m", "gunicorn", "--paste", "production.ini", "webapp:app"],
            1,
            "Error: Two applications: paste, from --paste, and wsgi_app, from APP_MODULE\n",
        ),
        (
            [*PASTER, "--check-config", "production.ini#other"],
            1,
            "Error: No application 'other' in {here}/production.ini: ",
        ),
    ],
)
def test_mistake_is_one_line(
    pyramid: Environment, tmp_path: Path, words: list[str], status: int, message: str
) -> None:
    files = {
        "bad": "[server:main]\n\nworkers = many\n",
        "hook": "[server:main]\npre_fork = no.such\n",
    }
    done = run(tmp_path, pyramid.python, *words, **files)
    assert message.format(here=tmp_path) in done.stderr
    assert done.stderr.count("\n") == (1 if status == 1 else 2)
    assert done.returncode == status


def test_wrong_setting_given_to_the_server_is_one_line(tmp_path: Path) -> None:
    program = "from gunicorn.app.pasterapp import paste_server; paste_server(print, workers='many')"
    done = run(tmp_path, environment().python, "-c", program)
    assert done.stderr.startswith("Config error: Invalid value for workers: 'many', from ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


def test_missing_pastedeploy_is_one_line(tmp_path: Path) -> None:
    python = environment().python
    done = run(tmp_path, python, *PASTER, "--check-config", "plain.ini", plain="[app:main]\n")
    assert done.stderr == (
        f"Error: PasteDeploy is not installed for {python}: apt-get install "
        "python3-pastedeploy, or in a virtual environment: pip install PasteDeploy\n"
    )
    assert done.returncode == 1


# -- where each value comes from -------------------------------------------------------------------


def test_precedence_and_origins(tmp_path: Path) -> None:
    ini = (
        "[DEFAULT]\ntimeout = 11\n[server:main]\nworkers = 2\nkeepalive = 3\nbacklog = 4\n"
        "max_requests = 5\nport = 6\nwokers = 7\n"
    )
    (tmp_path / "gunicorn.conf.py").write_text("keepalive = 33\nbacklog = 44\npaste = 'x.ini'\n")
    write_files(tmp_path, {"x.ini": ini})
    done = subprocess.run(
        [environment().python, "-m", "gunicorn", "--print-config", "--backlog", "444"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "WEB_CONCURRENCY": "9",
            "PORT": "9",
            "GUNICORN_CMD_ARGS": "--max-requests 555",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    found = {name: (value, origin) for name, value, origin in rows}
    assert found["workers"] == ("2", f"{tmp_path}/x.ini:4")
    assert found["timeout"] == ("11", f"{tmp_path}/x.ini:2")
    assert found["bind"] == ("['127.0.0.1:6']", f"{tmp_path}/x.ini:8")
    assert found["keepalive"] == ("33", "gunicorn.conf.py:1")
    assert found["backlog"] == ("444", "--backlog")
    assert found["max_requests"] == ("555", "--max-requests in $GUNICORN_CMD_ARGS")
    assert found["default_proc_name"] == (f"'{tmp_path}/x.ini'", "gunicorn.conf.py:3")
    assert "Warning: 'wokers', from " in done.stderr
    assert "The nearest setting is 'workers'" in done.stderr
