"""What /proc tells of processes, this one first."""

from __future__ import annotations

import os
import signal

from gunicorn.system import procfs


def test_memory_of_a_process() -> None:
    size = procfs.resident_bytes(os.getpid())
    assert size is not None
    assert 1 << 20 < size < 1 << 40


def test_process_that_is_no_more_is_unknown() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert procfs.resident_bytes(pid) is None  # a zombie
    os.waitpid(pid, 0)
    assert procfs.resident_bytes(pid) is None
    assert not procfs.is_stopped(pid)


def test_stopped_process_is_told_from_a_running_one() -> None:
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    assert not procfs.is_stopped(pid)
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    assert procfs.is_stopped(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_unreadable_file_is_empty() -> None:
    assert procfs.read_text("/proc/no-such-file") == ""
