"""Our log files, which applications must not be able to lose by accident."""

import errno
import logging
import logging.config
import os

from gunicorn import logfiles


def test_a_logging_configuration_of_the_application_leaves_our_files_open(tmp_path):
    path = tmp_path / "error.log"
    handler = logfiles.FileHandler(str(path))
    try:
        # Django does this while it is imported; it closes every handler of the process.
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        handler.write_line("before the rotation")
        path.rename(tmp_path / "error.log.1")
        assert handler.reopen() is None
        handler.write_line("after it")
    finally:
        handler.close_file()
    assert (tmp_path / "error.log.1").read_text() == "before the rotation\n"
    assert path.read_text() == "after it\n"


class Disk:
    """Plays ``os.write`` on a disk with so much room."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sent = self._write(fd, data[: self.room])
        self.room -= sent
        return sent


def test_lines_that_a_full_disk_loses_are_counted_and_none_is_glued_to_another(
    tmp_path, monkeypatch, caplog
):
    path = tmp_path / "access.log"
    handler = logfiles.FileHandler(str(path))
    disk = Disk(monkeypatch, 9)
    try:
        for line in ("first", "second", "third"):
            handler.write_line(line)
        assert path.read_text() == "first\nsec"
        disk.room = 3
        handler.write_line("fourth")
        assert caplog.messages == []
        disk.room = 1000
        handler.write_line("fifth")
        handler.write_line("sixth")
    finally:
        handler.close_file()
    assert path.read_text() == "first\nsec\nfo\nfifth\nsixth\n"
    assert caplog.messages == [f"3 lines of {path} are lost: No space left on device"]


def test_a_new_file_does_not_begin_with_the_rest_of_the_old_one(tmp_path, monkeypatch, caplog):
    path = tmp_path / "error.log"
    handler = logfiles.FileHandler(str(path))
    disk = Disk(monkeypatch, 2)
    try:
        handler.write_line("lost")
        path.rename(tmp_path / "error.log.1")
        assert handler.reopen() is None
        disk.room = 1000
        handler.write_line("kept")
    finally:
        handler.close_file()
    assert path.read_text() == "kept\n"
    assert caplog.messages == [f"1 lines of {path} are lost: No space left on device"]
