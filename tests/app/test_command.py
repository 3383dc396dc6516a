"""The ``gunicorn`` command seen from outside: its output, its exit status, its start-up cost."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gunicorn

HOUSE = Path(gunicorn.__file__).parent.parent

APP = """
import os

def app(environ, start_response): pass

def make(name): return app

if os.environ.get("NEEDS") == "missing":
    import no_such_module_at_all
"""


class Command:
    """Runs the command in a directory of its own; nothing it does may outlive it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "shop.py").write_text(APP)

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), **variables}
        return subprocess.run(
            [sys.executable, "-m", "gunicorn", *arguments],
            cwd=self.directory,
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
        )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_version(command: Command, flag: str) -> None:
    done = command(flag)
    assert (done.stdout, done.stderr) == (f"gunicorn (version {gunicorn.__version__})\n", "")
    assert done.returncode == 0


def test_version_among_other_options(command: Command) -> None:
    done = command("-w", "2", "--version")
    assert done.stdout == f"gunicorn (version {gunicorn.__version__})\n"
    assert done.returncode == 0


def test_help_shows_usage_flags_and_defaults(command: Command) -> None:
    done = command("-h", COLUMNS="200")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: gunicorn [OPTIONS] APP_MODULE\n")
    assert "--workers INT" in done.stdout
    assert "Workers silent for more than this many seconds are killed and replaced. [30]" in (
        " ".join(done.stdout.split())
    )
    assert "``" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: No application module specified."),
        (["one", "two"], "error: One application module, not 2: one two"),
        (["--bogus", "shop:app"], "error: unrecognized arguments: --bogus"),
        (["-w", "abc", "shop:app"], "error: argument -w/--workers: invalid int value: 'abc'"),
        (["-w"], "error: argument -w/--workers: expected one argument"),
        (["--site"], "error: argument --site: expected one argument"),
        (["--site", "shop", "-w", "2"], "error: --site NAME stands alone"),
    ],
)
def test_command_line_that_cannot_be_understood(
    command: Command, arguments: list[str], message: str
) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: gunicorn [OPTIONS] APP_MODULE\n")
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-w", "-1"], "Invalid value for workers: -1, from --workers. Value must be positive: -1"),
        (["-b", "h:xx"], "'xx' is not a valid port number."),
        (["-c", "missing.py"], "Failed to read config file: missing.py, from --config."),
        (["-u", "nobody-of-that-name"], "No such user: 'nobody-of-that-name'"),
        (["-g", "nobody-of-that-name"], "No such group: 'nobody-of-that-name'"),
        (["-m", "rwx"], "Invalid value for umask: 'rwx', from --umask."),
        (["-k", "snyc"], "class uri 'snyc' invalid or not found: "),
        (["--logger-class", "no.Logger"], "class uri 'no.Logger' invalid or not found: "),
        (["--log-level", "loud"], "Invalid choice: 'loud'"),
        (["--certfile", "missing.pem"], 'certfile "missing.pem" does not exist'),
        (["--chdir", "missing"], "Not a directory: "),
    ],
)
def test_value_that_cannot_be_used_is_one_line(
    command: Command, arguments: list[str], message: str
) -> None:
    done = command(*arguments, "shop:app")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("tiemout = 5\n", 1, "Error: No setting named 'tiemout', from gunicorn.conf.py:1."),
        ("\n1 / 0\n", 1, "Error: Failed to read config file: gunicorn.conf.py:2. ZeroDivision"),
        ("import sys\nsys.exit(9)\n", 9, ""),
    ],
)
def test_configuration_file_that_cannot_be_used(
    command: Command, text: str, status: int, message: str
) -> None:
    (command.directory / "gunicorn.conf.py").write_text(text)
    done = command("shop:app")
    assert done.returncode == status
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == bool(message)


def test_options_of_the_environment_name_their_variable(command: Command) -> None:
    done = command("shop:app", GUNICORN_CMD_ARGS="-w -1")
    assert done.returncode == 1
    assert "from --workers in $GUNICORN_CMD_ARGS." in done.stderr


# -- --check-config --------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["shop:app", "shop:make('x')"])
def test_check_is_silent_when_all_is_well(command: Command, uri: str) -> None:
    done = command("--check-config", uri)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_in_a_file(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("check_config = True\n")
    assert command("shop:app").returncode == 0
    assert command("shop:ap").returncode == 1


def test_check_names_every_problem(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text(
        "workers = -1\ntiemout = 5\nkeepalive = 'x'\nworker_class = 'snyc'\n"
    )
    done = command("--check-config", "--log-level", "loud", "--certfile", "no.pem", "shop:ap")
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert all(line.startswith("Error: ") for line in lines)
    for part in ("for workers", "tiemout", "keepalive", "snyc", "loud", "no.pem", "'shop:app'"):
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == 7


def test_check_shows_the_traceback_of_the_application(command: Command) -> None:
    done = command("--check-config", "-e", "NEEDS=missing", "shop:app")
    assert done.returncode == 1
    assert done.stderr.startswith("Error while loading the application:\nTraceback")
    assert 'shop.py", line 9' in done.stderr
    assert done.stderr.rstrip().endswith("No module named 'no_such_module_at_all'")


def test_check_uses_directory_and_path(command: Command) -> None:
    (command.directory / "elsewhere").mkdir()
    (command.directory / "elsewhere" / "there.py").write_text("import shop\napplication = shop.app")
    done = command("--check-config", "--chdir", "elsewhere", "--pythonpath", ".", "there")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_leaves_nothing_behind(command: Command) -> None:
    done = command(
        "--check-config", "-p", "x.pid", "--log-file", "x.log", "-b", "unix:x", "shop:app"
    )
    assert done.returncode == 0
    left = {path.name for path in command.directory.iterdir()} - {"__pycache__"}
    assert left == {"shop.py"}


def test_setting_without_effect_is_said_once(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("asgi_loop = 'auto'\n")
    done = command("--check-config", "shop:app")
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: asgi_loop, from gunicorn.conf.py:1, ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["--log-file", "no/x.log"], "errorlog 'no/x.log', from --error-logfile: "),
        ({}, ["--access-logfile", "."], "accesslog '.', from --access-logfile: it is a directory"),
        ({}, ["-p", "no/x.pid"], "pidfile 'no/x.pid', from --pid: "),
        ({}, ["--log-config", "x.ini"], "log config 'x.ini' not found, from --log-config"),
        ({"x.ini": "[a]\n"}, ["--log-config", "x.ini"], "has no section "),
        ({"x.ini": "nothing\n"}, ["--log-config", "x.ini"], "log config 'x.ini', from --log-"),
        ({"x.js": "{"}, ["--log-config-json", "x.js"], "from --log-config-json, is no JSON"),
        ({"x.pem": "?"}, ["--certfile", "x.pem"], "cannot use certfile 'x.pem'"),
        ({}, ["--reload", "--reload-extra-file", "x"], 'reload_extra_files: "x" does not exist'),
        ({}, ["--log-syslog-to", "localhost"], "invalid syslog address"),
        ({}, ["--log-syslog-facility", "local9"], "unknown facility name"),
        ({}, ["--statsd-host", "h:x"], "'x' is not a valid port number"),
    ],
)
def test_check_sees_what_would_fail_later(
    command: Command, files: dict[str, str], arguments: list[str], message: str
) -> None:
    for name, text in files.items():
        (command.directory / name).write_text(text)
    done = command("--check-config", *arguments, "shop:app")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_check_in_a_file_names_every_problem(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("workers = -1\ncheck_config = True\n")
    done = command("--log-level", "loud", "shop:app")
    assert done.returncode == 1
    assert done.stderr.count("Error: Invalid value for ") == 2


def test_check_survives_an_application_that_exits(command: Command) -> None:
    (command.directory / "quits.py").write_text("import sys\nsys.exit(0)\n")
    done = command("--check-config", "quits:app")
    assert done.returncode == 1
    assert done.stderr.startswith("Error while loading the application:\nTraceback")


# -- start and print -------------------------------------------------------------------------------


def test_start_names_every_wrong_value(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("workers = -1\ntiemout = 5\n")
    done = command("--log-level", "loud", "shop:app")
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        "Error: Invalid value for workers: -1",
        "Error: No setting named 'tiemout'",
        "Error: Invalid value for loglevel: 'loud'",
    ]


def test_application_from_the_file(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("wsgi_app = 'shop:app'\n")
    assert command("--check-config").returncode == 0
    done = command("--check-config", "shop:ap")
    assert done.returncode == 1
    assert "'ap'" in done.stderr


#: setting -> value and origin in test_print_names_every_source
PRINTED = {
    "backlog": (2048, "built-in"),
    "bind": (["0.0.0.0:99"], "$PORT"),
    "keepalive": (5, "gunicorn.conf.py:2"),
    "timeout": (9, "--timeout in $GUNICORN_CMD_ARGS"),
    "workers": (3, "--workers"),
    "wsgi_app": ("shop:app", "APP_MODULE"),
    "default_proc_name": ("shop:app", "APP_MODULE"),
    "config": ("gunicorn.conf.py", "the current directory"),
}


def test_print_names_every_source(command: Command) -> None:
    (command.directory / "gunicorn.conf.py").write_text("\nkeepalive = 5\n")
    words = ["--print-config", "--json", "-w", "3", "shop:app"]
    done = command(*words, PORT="99", GUNICORN_CMD_ARGS="-t 9")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert {name: (found[name]["value"], found[name]["from"]) for name in PRINTED} == PRINTED


def test_print_to_a_pipe_is_a_line_for_each(command: Command) -> None:
    done = command("--print-config", "-w", "3", "shop:app")
    assert done.returncode == 0
    assert "workers\t3\t--workers" in done.stdout.splitlines()


def test_print_to_a_terminal_is_a_table(command: Command) -> None:
    reader, writer = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--print-config", "-w", "3", "shop:app"],
        cwd=command.directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE)},
        stdout=writer,
    ) as process:
        os.close(writer)
        said = b""
        with contextlib.suppress(OSError):  # the other end of a terminal closes with an error
            while chunk := os.read(reader, 65536):
                said += chunk
    os.close(reader)
    assert process.returncode == 0
    words = [line.split() for line in said.decode().splitlines()]
    assert words[0] == ["SETTING", "VALUE", "FROM"]
    assert ["workers", "3", "--workers"] in words


def test_print_needs_no_application(command: Command) -> None:
    done = command("--print-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert "wsgi_app\tNone\tbuilt-in" in done.stdout.splitlines()


def test_print_tells_problems_too(command: Command) -> None:
    done = command("--print-config", "-w", "-1", "shop:ap")
    assert done.returncode == 1
    assert "workers\t1\tbuilt-in" in done.stdout.splitlines()
    assert done.stderr.startswith("Error: Invalid value for workers: -1")
    assert "'ap'" in done.stderr


def test_json_goes_with_print(command: Command) -> None:
    done = command("--json", "shop:app")
    assert done.returncode == 2
    assert "error: --json goes with --print-config" in done.stderr


# -- start-up cost ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--version"], ["argparse", "logging", "socket", "ssl", "inspect", "gunicorn.arbiter"]),
        (["-h"], ["logging", "socket", "ssl", "inspect", "gunicorn.arbiter", "gunicorn.http"]),
        (["-w", "-1", "shop:app"], ["logging", "ssl", "gunicorn.arbiter", "gunicorn.http"]),
    ],
)
def test_command_imports_no_more_than_it_needs(
    tmp_path: Path, arguments: list[str], never: list[str]
) -> None:
    program = (
        f"import sys; sys.argv[1:] = {arguments!r}; sys.path.insert(0, {str(HOUSE)!r})\n"
        "from gunicorn.app.wsgiapp import run\n"
        "try: run('gunicorn')\nexcept SystemExit: pass\n"
        f"print([name for name in {never!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


# -- spew ------------------------------------------------------------------------------------------


def test_spew_prints_the_lines_executed(tmp_path: Path) -> None:
    (tmp_path / "traced.py").write_text("def f(number):\n    return number + 1\n")
    program = (
        "from gunicorn import debug\nimport traced\n"
        "debug.spew(['traced'], show_values=True)\ntraced.f(4)\ndebug.unspew()\ntraced.f(5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{HOUSE}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "traced:2:     return number + 1\n\tnumber=4\n"
