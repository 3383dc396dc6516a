"""What preloading saves: the memory of a Django site with eight workers, ours and PyPI gunicorn's.

    scripts/bench preload-memory [--workers 8] [--requests 10000] [--json]

Each server in turn, with the same interpreter and the same Django: it is started, asked, and when
it is idle again the proportional set size (PSS) of all its processes is added up. PSS counts a page
that n processes share as a part of n in each, so the sum is what the machine really gives.

What the server must reach: with ``preload_app`` at most 0.6 times gunicorn without ``--preload``,
and no more than gunicorn with it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.peers import CLONE, default_home

DEADLINE = 60.0

SETTINGS = """\
SECRET_KEY = "not a secret"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
              "OPTIONS": {"context_processors": [
                  "django.template.context_processors.request",
                  "django.contrib.auth.context_processors.auth",
                  "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "static/"
"""

URLS = """\
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
"""

WSGI = """\
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""

#: a page of the admin with templates and forms, and no database behind it
TARGET = "/admin/login/"


@dataclass(frozen=True, slots=True)
class Row:
    """One server: the PSS of all its processes in MiB, at first and after the requests."""

    name: str
    processes: int
    before: float
    after: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench preload-memory", description=__doc__)
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    venv = options.home / "gunicorn" / "bin"
    ours = [str(venv / "python"), "-P", "-m", "gunicorn"]
    theirs = [str(venv / "gunicorn")]
    table = [
        ("ours", ours, []),
        ("ours, preload_app", ours, ["--preload"]),
        ("gunicorn", theirs, []),
        ("gunicorn --preload", theirs, ["--preload"]),
    ]
    rows = [measure(name, [*command, *flags], options) for name, command, flags in table]
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        show(rows)


def measure(name: str, command: list[str], options: argparse.Namespace) -> Row:
    """Start a server, ask it, and add up its memory before and after."""
    with tempfile.TemporaryDirectory() as text:
        directory = Path(text)
        for file, content in (
            ("site_settings", SETTINGS),
            ("site_urls", URLS),
            ("site_wsgi", WSGI),
        ):
            (directory / f"{file}.py").write_text(content)
        with serving(name, command, options.workers, directory) as (session, port):
            before = pss_of(session)
            ask(port, options.requests)
            after = pss_of(session)
            return Row(name, len(processes_of(session)), before, after)


@contextlib.contextmanager
def serving(
    name: str, command: list[str], workers: int, directory: Path
) -> Iterator[tuple[int, int]]:
    """Run a server until every worker has loaded the application; give its session and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    house = [str(CLONE)] if name.startswith("ours") else []
    environment["PYTHONPATH"] = ":".join([*house, str(directory)])
    words = [*command, "-w", str(workers), "-b", f"127.0.0.1:{port}", "site_wsgi:application"]
    with subprocess.Popen(
        words, cwd=directory, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            wait_idle(process, workers, port)
            yield process.pid, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)


def wait_idle(process: subprocess.Popen[bytes], workers: int, port: int) -> None:
    """Wait until it answers, has all its processes, and these have stopped to compute."""
    deadline = time.monotonic() + DEADLINE
    used = -1
    while time.monotonic() < deadline and process.poll() is None:
        pids = processes_of(process.pid)
        now = sum(ticks_of(pid) for pid in pids)
        if len(pids) > workers and now == used and get(port):
            return
        used = now
        time.sleep(0.5)
    raise RuntimeError(f"it does not serve: {process.args}")


def ask(port: int, count: int, clients: int = 4) -> None:
    """Have ``count`` requests answered, each on a connection of its own, so by every worker."""

    def client() -> None:
        for _ in range(count // clients):
            if not get(port):
                failures.append(1)

    failures: list[int] = []
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} of {count} requests failed")


def get(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", TARGET, headers={"Connection": "close"})
        answer = connection.getresponse()
        return bool(answer.read()) and answer.status == 200
    except OSError:
        return False
    finally:
        connection.close()


def processes_of(session: int) -> list[int]:
    """Give the processes of a session: whoever their parents are, workers stay in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def ticks_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def pss_of(session: int) -> float:
    """Add up the PSS of a session, in MiB."""
    total = 0
    for pid in processes_of(session):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def show(rows: list[Row]) -> None:
    """Print a table; the ratios are to PyPI gunicorn without --preload."""
    reference = next(row for row in rows if row.name == "gunicorn").after
    print(f"{'':20} {'processes':>9} {'MiB at first':>13} {'MiB after':>10} {'ratio':>6}")
    for row in rows:
        print(
            f"{row.name:20} {row.processes:9} {row.before:13.1f} {row.after:10.1f}"
            f" {row.after / reference:6.2f}"
        )


if __name__ == "__main__":
    main()
