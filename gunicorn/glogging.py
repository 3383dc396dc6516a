"""The logger of the server: two standard loggers, where they write, and the methods plugins call.

``gunicorn.error`` tells what the server does, ``gunicorn.access`` what it served. Handlers made
here carry ``_gunicorn = True``: a new set-up replaces exactly those, after the new files are
open. Third parties subclass ``Logger``, add handlers and filters to the two loggers, or replace
them; all of that is honoured, and paid for only by those who do it.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from datetime import timedelta
from typing import Any

from gunicorn import accesslog, logfiles
from gunicorn.system import clock, fds, identity

__all__ = ["Logger"]

Handler = logfiles.FileHandler | logfiles.StreamHandler


class _Formatter(logging.Formatter):
    """A formatter whose time stamp is made once a second."""

    def __init__(self, fmt: str, datefmt: str | None) -> None:
        super().__init__(fmt, datefmt)
        self._stamp = clock.Stamp(clock.log_stamp)

    def formatTime(  # noqa: N802
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        if datefmt == Logger.datefmt:
            return self._stamp(record.created)
        return super().formatTime(record, datefmt)


class Logger:
    """Logging as the rest of the server, hooks and plugins see it."""

    LOG_LEVELS = {
        "critical": logging.CRITICAL,
        "error": logging.ERROR,
        "warning": logging.WARNING,
        "info": logging.INFO,
        "debug": logging.DEBUG,
    }
    loglevel = logging.INFO

    error_fmt = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
    datefmt = "[%Y-%m-%d %H:%M:%S %z]"
    access_fmt = "%(message)s"
    syslog_fmt = "[%(process)d] %(message)s"

    atoms_wrapper_class = accesslog.AtomsMapping

    def __init__(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.error_log.propagate = False
        self.access_log.propagate = False
        self.error_handlers: list[logging.Handler] = []
        self.access_handlers: list[logging.Handler] = []
        self.logfile: str | None = None
        self.lock = threading.Lock()
        self._format: accesslog.Format | None = None
        self._access_handler: Handler | None = None
        self.cfg = cfg
        self.setup(cfg)

    # -- set-up ------------------------------------------------------------------------------------

    def setup(self, cfg: Any) -> None:
        """Make both loggers write where ``cfg`` says.

        Raises ConfigError with the present set-up untouched.
        """
        error_handler = self._make_handler(cfg, cfg.errorlog)
        try:
            access_handler = self._make_handler(cfg, cfg.accesslog) if cfg.accesslog else None
        except BaseException:
            error_handler.close_file()
            raise
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(str(cfg.loglevel).lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        error_handler.setFormatter(_Formatter(self.error_fmt, self.datefmt))
        self._install(self.error_log, error_handler)
        if access_handler is not None:
            access_handler.setFormatter(logging.Formatter(self.access_fmt, self.datefmt))
        self._install(self.access_log, access_handler)
        self._access_handler = access_handler
        if cfg.capture_output and isinstance(error_handler, logfiles.FileHandler):
            error_handler.mirror_on(1)
            error_handler.mirror_on(2)
        self._format = self._compile(cfg.access_log_format)

    def _make_handler(self, cfg: Any, target: str) -> Handler:
        if target == "-":
            return logfiles.StreamHandler()
        owner = None if identity.is_current(cfg.uid, cfg.gid) else (cfg.uid, cfg.gid)
        return logfiles.FileHandler(target, owner)

    def _install(self, logger: logging.Logger, handler: logging.Handler | None) -> None:
        stale = [found for found in logger.handlers if getattr(found, "_gunicorn", False)]
        if handler is not None:
            handler._gunicorn = True  # type: ignore[attr-defined]
            logger.addHandler(handler)
        for found in stale:
            logger.removeHandler(found)
            close = getattr(found, "close_file", found.close)
            close()

    def _compile(self, text: str) -> accesslog.Format | None:
        # A subclass that makes its own atoms, or its own mapping of them, is asked for each
        # request.
        if (
            type(self).atoms is not Logger.atoms
            or self.atoms_wrapper_class is not accesslog.AtomsMapping
        ):
            return None
        try:
            return accesslog.Format(text)
        except ValueError:
            return None  # other conversions than %(name)s: the slow way, which may say why not

    # -- the error log -----------------------------------------------------------------------------

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.critical(msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.error(msg, *args, **kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.warning(msg, *args, **kwargs)

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.info(msg, *args, **kwargs)

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.debug(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.error_log.exception(msg, *args, **kwargs)

    def log(self, lvl: int | str, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at a level given by number or by name; an unknown name is INFO."""
        if isinstance(lvl, str):
            lvl = self.LOG_LEVELS.get(lvl.lower(), logging.INFO)
        self.error_log.log(lvl, msg, *args, **kwargs)

    # -- the access log ----------------------------------------------------------------------------

    @property
    def access_wanted(self) -> bool:
        """Whether somebody would see an access line; False: nobody need call ``access``."""
        return bool(self.access_log.handlers) or type(self).access is not Logger.access

    def now(self) -> str:
        """Give the time stamp of an access line."""
        return accesslog.stamp()

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        """Give the values of one request by atom name; subclasses add theirs."""
        return accesslog.atoms(resp, req, environ, request_time)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write the access line of one request. Never raises."""
        logger = self.access_log
        if not logger.handlers or not logger.isEnabledFor(logging.INFO):
            return
        try:
            if self._format is None:
                atoms = self.atoms(resp, req, environ, request_time)
                line = self.cfg.access_log_format % self.atoms_wrapper_class(atoms)
            else:
                line = self._format.line(resp, req, environ, request_time)
        except Exception:
            self.error(traceback.format_exc())
            return
        handler = self._access_handler
        if (
            handler is not None
            and logger.handlers == [handler]
            and not logger.filters
            and not handler.filters
            and not logger.propagate
        ):
            # Nobody but us listens: no record, no search for the caller, no lock.
            handler.write_line(line)
        else:
            # As an argument, so that a per cent sign from a client is no conversion.
            logger.info("%s", line)

    # -- files -------------------------------------------------------------------------------------

    def reopen_files(self) -> None:
        """Write to the files that the paths name now (USR1). Never raises and loses no line."""
        for problem in logfiles.reopen_all():
            self.error(problem)

    def close_on_exec(self) -> None:
        """Let no executed program inherit a log file; ours are not inherited as it is."""
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                if isinstance(handler, logging.FileHandler) and handler.stream is not None:
                    fds.close_on_exec(handler.stream)

    def writes_to_stderr(self) -> bool:
        """Say whether what is logged as an error is seen on standard error anyway."""
        handlers = self.error_log.handlers
        return any(isinstance(handler, logfiles.StreamHandler) for handler in handlers)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of pid {os.getpid()}>"
