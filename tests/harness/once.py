"""A server that is meant to end by itself: what it said, its exit status, what it left."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.harness import processes
from tests.harness.surroundings import DEADLINE, ServerFailed, environment, write_files


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """How a server that was meant to end by itself ended."""

    returncode: int
    stdout: str
    stderr: str
    #: name -> text of the files it left in its directory
    files: dict[str, str]


def run_gunicorn(
    *words: str,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    timeout: float = DEADLINE,
) -> Finished:
    """Run ``python -m gunicorn WORDS`` in a directory of its own until it ends.

    Fails when it does not end, or leaves a process behind.
    """
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="gunicorn-test-") as name:
        directory = Path(name)
        write_files(directory, files)
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words],
            cwd=directory,
            env=environment(mark, {"PYTHONWARNINGS": "ignore", **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            for pid in [*processes.marked(mark), process.pid]:
                processes.kill_quietly(pid)
            stdout, stderr = process.communicate()
            raise ServerFailed(f"{words} did not end:\n{stdout}\n{stderr}") from None
        survivors = processes.marked(mark)
        for pid in survivors:
            processes.kill_quietly(pid)
        assert not survivors, f"{words} left processes {survivors} behind"
        left = {
            str(path.relative_to(directory)): path.read_text("utf-8", "replace")
            for path in directory.rglob("*")
            if path.is_file() and path.name not in (files or {})
        }
        return Finished(process.returncode, stdout, stderr, left)
