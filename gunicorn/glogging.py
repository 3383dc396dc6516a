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

from gunicorn import accesslog, logfiles
from gunicorn.system import clock, fds, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

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
        #: compiled by the first line: few servers write an access log
        self._format: accesslog.Format | None = None
        self._is_compiled = False
        self._access_handler: Handler | None = None
        self.cfg = cfg
        self.setup(cfg)

    # -- set-up ------------------------------------------------------------------------------------

    def setup(self, cfg: Any) -> None:
        """Make both loggers write where ``cfg`` says.

        Raises ConfigError: with the present set-up untouched, except that a logging configuration
        of the user's may be half in force.
        """
        if cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig:
            self._setup_as_configured(cfg)
        else:
            self._setup_as_set(cfg)
        self.cfg = cfg
        self._is_compiled = False

    def _setup_as_set(self, cfg: Any) -> None:
        """Set up by the settings, a logging configuration not being among them."""
        error_handler = self._make_handler(cfg, cfg.errorlog)
        try:
            access_handler = self._make_handler(cfg, cfg.accesslog) if cfg.accesslog else None
        except BaseException:
            error_handler.close()
            raise
        self.loglevel = self.LOG_LEVELS.get(str(cfg.loglevel).lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        self.error_log.propagate = self.access_log.propagate = False
        error_handler.setFormatter(_Formatter(self.error_fmt, self.datefmt))
        error_handlers: list[logging.Handler] = [error_handler]
        access_handlers: list[logging.Handler] = []
        if access_handler is not None:
            access_handler.setFormatter(logging.Formatter(self.access_fmt, self.datefmt))
            access_handlers.append(access_handler)
        if cfg.syslog:
            error_handlers.append(self._make_syslog_handler(cfg, "error"))
            if not cfg.disable_redirect_access_to_syslog:
                access_handlers.append(self._make_syslog_handler(cfg, "access"))
        self._install(self.error_log, error_handlers)
        self._install(self.access_log, access_handlers)
        self._access_handler = access_handler
        if cfg.capture_output and isinstance(error_handler, logfiles.FileHandler):
            logfiles.capture_output(error_handler)
        else:
            logfiles.release_output()

    def _setup_as_configured(self, cfg: Any) -> None:
        """Set up by the logging configuration that the user has written."""
        from gunicorn import logconfig  # and with it what few servers need of the library

        source = logconfig.read(cfg)
        assert source is not None
        loggers = (self.error_log, self.access_log)
        stale = [*_ours(self.error_log), *_ours(self.access_log)]
        before = [handler for logger in loggers for handler in logger.handlers]
        for logger in loggers:
            # As Python makes loggers: what the configuration does not say goes to the root.
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
        logconfig.apply(cfg, source)
        for logger in loggers:
            for handler in stale:
                logger.removeHandler(handler)
            for handler in logger.handlers:
                if handler not in before:
                    handler._gunicorn = True  # type: ignore[attr-defined]
        for handler in stale:
            handler.close()
        self.loglevel = self.error_log.getEffectiveLevel()
        self._access_handler = None
        logfiles.release_output()

    def _make_handler(self, cfg: Any, target: str) -> Handler:
        if target == "-":
            return logfiles.StreamHandler()
        owner = None if identity.is_current(cfg.uid, cfg.gid) else (cfg.uid, cfg.gid)
        return logfiles.FileHandler(target, owner)

    def _make_syslog_handler(self, cfg: Any, which: str) -> logging.Handler:
        from gunicorn import syslog  # few servers log there

        name = cfg.syslog_prefix or cfg.proc_name
        # What ends a tag for syslogs must not be in it.
        tag = "".join(c if c.isalnum() or c in "._-/" else "." for c in f"gunicorn.{name}.{which}")
        handler = syslog.SyslogHandler(cfg.syslog_addr, cfg.syslog_facility, tag)
        handler.setFormatter(logging.Formatter(self.syslog_fmt))
        return handler

    def _install(self, logger: logging.Logger, handlers: list[logging.Handler]) -> None:
        stale = _ours(logger)
        for handler in handlers:
            handler._gunicorn = True  # type: ignore[attr-defined]
            logger.addHandler(handler)
        for handler in stale:
            logger.removeHandler(handler)
            handler.close()

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
        logger = self.access_log
        return (
            bool(logger.handlers)
            or (logger.propagate and logger.hasHandlers())
            or type(self).access is not Logger.access
        )

    def figure(self, name: str, value: float, kind: str = "gauge") -> None:
        """Tell a figure (gauge, counter or timer); goes nowhere unless ``statsd_host`` is set."""

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
        if not logger.hasHandlers() or not logger.isEnabledFor(logging.INFO):
            return
        try:
            if not self._is_compiled:
                self._format = self._compile(self.cfg.access_log_format)
                self._is_compiled = True
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

    def error_fd(self) -> int:
        """Give the descriptor that leads where errors are logged, for what is not logged in Python.

        It may be another one after ``reopen_files``. Standard error when errors go elsewhere.
        """
        for handler in self.error_log.handlers:
            if isinstance(handler, logfiles.FileHandler):
                return handler.fd
            if isinstance(handler, logging.FileHandler) and handler.stream is not None:
                return handler.stream.fileno()
        return 2

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of pid {os.getpid()}>"


def _ours(logger: logging.Logger) -> list[logging.Handler]:
    """Give the handlers of ``logger`` that a set-up has installed."""
    return [handler for handler in logger.handlers if getattr(handler, "_gunicorn", False)]
