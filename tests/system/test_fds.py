"""Opening logs, and closing what is not ours to inherit."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from gunicorn.system import fds


def test_log_is_made_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for line in (b"one\n", b"two\n"):
        fd = fds.open_log(str(path))
        fds.write_all(fd, line)
        os.close(fd)
    assert path.read_bytes() == b"one\ntwo\n"
    assert not stat.S_IMODE(path.stat().st_mode) & 0o022


def test_log_is_not_inherited_and_waits_for_its_reader(tmp_path: Path) -> None:
    fd = fds.open_log(str(tmp_path / "log"))
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert os.get_blocking(fd)
    os.close(fd)


def test_symbolic_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("data")
    (tmp_path / "log").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link") as caught:
        fds.open_log(str(tmp_path / "log"))
    assert caught.value.errno == errno.ELOOP
    assert target.read_text() == "data"


def test_standard_streams_of_the_kernel_are_links_and_allowed() -> None:
    os.close(fds.open_log("/dev/stderr"))


def test_fifo_without_reader_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError):
        fds.open_log(str(tmp_path / "log"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_new_log_belongs_to_its_owner_and_an_old_one_stays(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("")
    for name in ("old", "new"):
        os.close(fds.open_log(str(tmp_path / name), (65534, 65534)))
    assert (tmp_path / "new").stat().st_uid == 65534
    assert old.stat().st_uid == 0


def test_open_descriptors_are_listed() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    assert fd in fds.open_fds()
    os.close(fd)
    assert fd not in fds.open_fds()
    fds.close_quietly(fd)


def test_close_on_exec(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        fds.close_on_exec(file)
        assert not os.get_inheritable(file.fileno())
