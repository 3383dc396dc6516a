"""Who is asked: one row per server with its command line, one worker each, otherwise as it comes.

A peer's options are those its own manual gives for plain WSGI over HTTP/1.1; a peer is neither
tuned nor handicapped. Refuses to know what is asked of it, except whether requests are logged.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent

#: The row all ratios refer to.
OURS = "ours"

#: Another working tree of ours, for a change in the hot path: see :func:`build_baseline`.
BASELINE = "baseline"

APP = "apps:application"

_BJOERN = "import bjoern, apps; bjoern.run(apps.application, {host!r}, {port})"

_VERSION = "import importlib.metadata as m; print(m.version({distribution!r}))"


def default_home() -> Path:
    """Return where ``scripts/bench`` puts the peers when it is told nothing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("BENCH_HOME") or cache / "gunicorn-bench")


@dataclass(frozen=True, slots=True)
class Launch:
    """What one start of a peer needs to know."""

    host: str
    port: int
    access_log: Path | None = None
    worker_connections: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """One server. ``command`` gives the arguments after the virtualenv's ``bin`` directory."""

    name: str
    venv: str
    distribution: str
    command: Callable[[Launch], list[str]]
    has_access_log: bool = True
    note: str = ""
    import_path: str = ""

    def argv(self, home: Path, launch: Launch) -> list[str]:
        program, *arguments = self.command(launch)
        return [str(home / self.venv / "bin" / program), *arguments]

    def version(self, home: Path) -> str | None:
        """Return the version that would run, None when the peer is not installed."""
        if self.import_path:
            program = "import gunicorn; print(gunicorn.__version__)"
        else:
            program = _VERSION.format(distribution=self.distribution)
        python = home / self.venv / "bin" / "python"
        if not python.exists():
            return None
        done = subprocess.run(
            [python, "-c", program],
            cwd=home,
            env={"PYTHONPATH": self.import_path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else None


def _gunicorn(*options: str) -> Callable[[Launch], list[str]]:
    """Return the command line shared by us and gunicorn, as the documented flags are the same."""

    def command(launch: Launch) -> list[str]:
        argv = ["python", "-m", "gunicorn", "--workers", "1"]
        argv += ["--bind", f"{launch.host}:{launch.port}", *options]
        if launch.access_log:
            argv += ["--access-logfile", str(launch.access_log)]
        if launch.worker_connections:
            argv += ["--worker-connections", str(launch.worker_connections)]
        return [*argv, APP]

    return command


def _granian(launch: Launch) -> list[str]:
    # Its access log goes where its other log goes, to standard output: a file here as well.
    log = ["--access-log"] if launch.access_log else []
    address = ["--host", launch.host, "--port", str(launch.port)]
    return ["granian", "--interface", "wsgi", "--workers", "1", *address, *log, APP]


def _uwsgi(launch: Launch) -> list[str]:
    log = ["--logto", str(launch.access_log)] if launch.access_log else ["--disable-logging"]
    address = ["--http-socket", f"{launch.host}:{launch.port}"]
    return ["uwsgi", "--master", "--processes", "1", *address, *log, "--module", APP]


def _waitress(launch: Launch) -> list[str]:
    return ["waitress-serve", f"--listen={launch.host}:{launch.port}", APP]


def _cheroot(launch: Launch) -> list[str]:
    address = ["--bind", f"{launch.host}:{launch.port}"]
    return ["cheroot", *address, "--threads", "4", APP]


def _bjoern(launch: Launch) -> list[str]:
    return ["python", "-c", _BJOERN.format(host=launch.host, port=launch.port)]


#: the worker classes that ours and PyPI's gunicorn both have: options, and a word about them
CLASSES = {
    "sync": ((), ""),
    "gthread": (("--threads", "4"), "4 threads"),
    "gevent": ((), ""),
    "eventlet": ((), ""),
    "gevent_pywsgi": ((), "gevent's own HTTP"),
    "tornado": ((), ""),
}

#: a word about PyPI's, where it is not the same
_NOTES = {"sync": "closes every connection", "tornado": "tornado's own HTTP"}


def _of_class(kind: str) -> tuple[Peer, Peer]:
    """Return the rows of one worker class: ours, which imports the clone, and PyPI's."""
    options, note = CLASSES[kind]
    command = _gunicorn("--worker-class", kind, *options)
    ours = Peer(f"ours-{kind}", "peers", "gunicorn", command, note=note, import_path=str(CLONE))
    note = _NOTES.get(kind, note)
    # Releases from 26 on have no eventlet: that class has a virtualenv of its own.
    venv = "gunicorn-eventlet" if kind == "eventlet" else "gunicorn"
    return ours, Peer(f"gunicorn-{kind}", venv, "gunicorn", command, note=note)


PEERS = {
    peer.name: peer
    for peer in (
        # Our row borrows the interpreter of the peers' virtualenv and imports the clone.
        Peer(OURS, "peers", "gunicorn", _gunicorn(), import_path=str(CLONE)),
        *(peer for kind in CLASSES for peer in _of_class(kind) if peer.name != "ours-sync"),
        Peer("granian", "peers", "granian", _granian),
        Peer("uwsgi", "peers", "uWSGI", _uwsgi, note="closes unannounced, hence errors"),
        Peer("waitress", "peers", "waitress", _waitress, has_access_log=False, note="4 threads"),
        Peer("cheroot", "peers", "cheroot", _cheroot, has_access_log=False, note="4 threads"),
        Peer("bjoern", "peers", "bjoern", _bjoern, has_access_log=False, note="C"),
    )
}

#: who is asked when nobody is named
USUAL = [
    name
    for name in PEERS
    if name != "cheroot" and name.partition("-")[2] in ("", "sync", "gthread")
]


def build_baseline(tree: Path) -> Peer:
    """Return the row of another working tree of ours, to be measured beside this one."""
    return dataclasses.replace(
        PEERS[OURS], name=BASELINE, import_path=str(tree.resolve()), note=f"ours at {tree.name}"
    )
