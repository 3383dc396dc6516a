"""A worker that the kernel really kills for memory, in a control group of the test's own.

Needs the right to make one with a memory limit: root, and a memory controller (version 1 or 2).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import DEADLINE, NoResponse
from tests.harness.launcher import Launched

MOUNTS = Path("/sys/fs/cgroup")
LIMIT = 128 << 20

#: enters the group and becomes the server
ENTER = """\
import os, sys
with open({procs!r}, "w") as procs:
    procs.write(str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *sys.argv[1:]])
"""

SHOP = """\
import os
hoard = []
def application(environ, start_response):
    while environ["PATH_INFO"] == "/eat":
        hoard.append(b"x" * (4 << 20))
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def parents() -> Iterator[tuple[Path, str]]:
    """Give the groups of this process, and the file that limits the memory of a group in them."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, inside = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield MOUNTS / "memory" / inside.lstrip("/"), "memory.limit_in_bytes"
        elif not controllers:
            yield MOUNTS / inside.lstrip("/"), "memory.max"


@pytest.fixture
def group() -> Iterator[Path]:
    """Give a control group with a limit on memory."""
    for parent, name in parents():
        made = parent / f"gunicorn-test-{uuid.uuid4().hex}"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            if (made / name).exists():
                (made / name).write_text(str(LIMIT))
                yield made
                return
        finally:
            remove(made)
    pytest.skip("needs the right to make a control group with a memory limit")


def remove(group: Path) -> None:
    """Remove the group; the kernel refuses for a moment after the last process has ended."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def test_worker_killed_for_memory_is_told_from_one_killed_by_hand(group: Path) -> None:
    script = ENTER.format(procs=str(group / "cgroup.procs"))
    command = (sys.executable, "-c", script, "--bind", "127.0.0.1:0", "shop")
    with Launched(*command, files={"shop.py": SHOP}, expect_errors=["was sent SIGKILL"]) as server:
        eater = int(server.get().body)
        with (
            server.log_contains(
                f"Worker (pid:{eater}) was sent SIGKILL! "
                "(the kernel's OOM killer has just killed a process of this control group), "
                "while serving GET /eat for 127.0.0.1:"
            ),
            contextlib.suppress(NoResponse, ConnectionError),
        ):
            server.get("/eat")
        other = int(server.get().body)
        assert other != eater
        with server.log_contains(
            f"Worker (pid:{other}) was sent SIGKILL! "
            "(from outside: not by this server, nor by the kernel's OOM killer)"
        ):
            os.kill(other, signal.SIGKILL)
