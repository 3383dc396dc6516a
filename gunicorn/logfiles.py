"""Log files: opened for appending, one system call per line, replaced without losing one.

Several processes write to the same file. O_APPEND and a single write per record keep their lines
whole; nothing is buffered, so nothing is lost with a process. Reopening puts the new file under
the old descriptor's number in one step (dup2), so a line goes to the old file or the new one and
a failure leaves the old one in use.
"""

from __future__ import annotations

import logging
import os
import sys

from gunicorn.errors import ConfigError
from gunicorn.system import fds

__all__ = ["FileHandler", "StreamHandler", "capture_output", "release_output", "reopen_all"]

#: descriptor of a captured standard stream -> a copy of what it led to before
_released_to: dict[int, int] = {}


class FileHandler(logging.Handler):
    """Writes records to a file that can be renamed under it.

    ``owner`` (uid, gid) is whose a newly made file becomes. Raises ConfigError when the file
    cannot be written.
    """

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.baseFilename = os.path.abspath(path)  # noqa: PTH100
        self._owner = owner
        self._mirrors: list[int] = []
        #: lines that could not be written since the last that could, and why
        self._lost, self._reason = 0, ""
        #: the last of them was written in part
        self._is_torn = False
        try:
            self.fd = fds.open_log(self.baseFilename, owner)
        except OSError as exc:
            raise ConfigError(f"{path!r} isn't writable [{exc.strerror}]") from exc

    def mirror_on(self, fd: int) -> None:
        """Make descriptor ``fd`` (1 or 2) lead to this file too, now and after each reopening."""
        self._mirrors.append(fd)
        if fd not in _released_to:
            try:
                _released_to[fd] = os.dup(fd)
            except OSError:
                pass  # closed, as it was before
        os.dup2(self.fd, fd)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write_line(self.format(record))
        except Exception:
            self.handleError(record)

    def write_line(self, line: str) -> None:
        """Append one line, whole. A full disk loses the line, never the request.

        How many were lost is said in the error log, as soon as a line can be written again.
        """
        data = (line + "\n").encode("utf-8", "backslashreplace")
        if self._is_torn:
            data = b"\n" + data
        sent = 0
        try:
            while sent < len(data):
                sent += os.write(self.fd, data[sent:])
        except OSError as exc:
            self._lost += 1
            self._reason = exc.strerror or str(exc)
            if sent:
                self._is_torn = data[sent - 1 : sent] != b"\n"
            return
        if self._lost:
            lost, self._lost, self._is_torn = self._lost, 0, False
            logging.getLogger("gunicorn.error").warning(
                "%d lines of %s are lost: %s", lost, self.baseFilename, self._reason
            )

    def reopen(self) -> OSError | None:
        """Follow the path to the file it names now; on error the present file stays in use."""
        try:
            fresh = fds.open_log(self.baseFilename, self._owner)
        except OSError as exc:
            return exc
        os.dup2(fresh, self.fd, inheritable=False)
        self._is_torn = False
        for fd in self._mirrors:
            os.dup2(fresh, fd)
        os.close(fresh)
        return None

    def close(self) -> None:
        """Keep the file: ``logging.config``, which Django runs, closes every handler there is."""

    def close_file(self) -> None:
        """Close the file, when this handler has left its logger."""
        if self.fd >= 0:
            fds.close_quietly(self.fd)
            self.fd = -1
        super().close()


class StreamHandler(logging.Handler):
    """Writes records to the standard error of the moment, also when somebody has replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write_line(self.format(record))
        except Exception:
            self.handleError(record)

    def close_file(self) -> None:
        """Leave the stream open: it is not this handler's."""
        super().close()

    def write_line(self, line: str) -> None:
        """Write one line; a closed terminal loses it."""
        stream = sys.stderr
        if stream is None:
            return
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass


def capture_output(handler: FileHandler) -> None:
    """Make the standard streams of this process, and of those it starts, lead to the file."""
    for stream, fd in ((sys.stdout, 1), (sys.stderr, 2)):
        handler.mirror_on(fd)
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A file is buffered by the block: a print would be seen thousands of lines later.
            reconfigure(line_buffering=True)


def release_output() -> None:
    """Undo :func:`capture_output`: the standard streams lead where they led before."""
    while _released_to:
        fd, before = _released_to.popitem()
        os.dup2(before, fd)
        fds.close_quietly(before)


def reopen_all() -> list[str]:
    """Reopen the files of every logger in this process; give what went wrong, a line each."""
    problems = []
    for handler in _all_handlers():
        if isinstance(handler, FileHandler):
            error = handler.reopen()
            if error is not None:
                problems.append(f"cannot reopen {handler.baseFilename}: {error.strerror}")
        elif isinstance(handler, logging.FileHandler):
            try:
                _reopen_foreign(handler)
            except OSError as exc:
                problems.append(f"cannot reopen {handler.baseFilename}: {exc.strerror}")
    return problems


def _reopen_foreign(handler: logging.FileHandler) -> None:
    # A handler of the application or of a logging configuration: the same promise as for ours.
    handler.acquire()
    try:
        if handler.stream is None:
            return  # opens by itself on its first record
        fresh = handler._open()
        stale = handler.setStream(fresh)
        if stale is not None:
            stale.close()
    finally:
        handler.release()


def _all_handlers() -> list[logging.Handler]:
    loggers: list[logging.Logger] = [logging.getLogger()]
    loggers += [
        logger
        for logger in list(logging.Logger.manager.loggerDict.values())
        if isinstance(logger, logging.Logger)
    ]
    return list(dict.fromkeys(handler for logger in loggers for handler in logger.handlers))
