"""An application and its configuration, ready for the master.

``BaseApplication`` is for programs that embed the server: override ``load_config`` (call
``self.cfg.set``) and ``load`` (return the WSGI callable), then ``run()``. ``Application`` reads the
configuration file and the command line as well.

Rules: a mistake of the user is one line on standard error and the exit status of
``errors.ExitStatus``; a traceback is shown only when it is of the user's own code. The parts of the
master are imported when they are needed: a wrong command line should not pay for a server.
"""

from __future__ import annotations

import gc
import os
import sys

from gunicorn import util
from gunicorn.config import sources
from gunicorn.config.config import Config
from gunicorn.errors import ConfigError, ExitStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any, NoReturn

#: options that count as given before those of the command itself
VARIABLE = "GUNICORN_CMD_ARGS"


def complain(problem: object) -> None:
    """Write one problem as one line on standard error."""
    print(f"Error: {' '.join(str(problem).split())}", file=sys.stderr)


def fail(problem: object) -> NoReturn:
    """Write one problem and end the process."""
    complain(problem)
    sys.exit(ExitStatus.FAILURE)


def warn_of_certificate(cfg: Config) -> None:
    """Add to the warnings that the certificate has expired, or soon will.

    Nothing refuses to serve with such a one: not every client cares, and it is renewed under a
    running server.
    """
    if not cfg.certfile:
        return
    import time

    from gunicorn.system import certificate  # most have none

    try:
        with open(os.path.join(cfg.chdir, cfg.certfile), "rb") as file:
            trouble = certificate.trouble(file.read(), time.time())
    except (OSError, ValueError):
        return  # whoever loads it says why not
    if trouble is not None:
        cfg.warn_once(f"certfile, from {cfg.origin('certfile')}: {cfg.certfile}: {trouble.text}")


class BaseApplication:
    """A WSGI callable, loaded where it is needed, with the configuration to serve it by."""

    cfg: Config
    callable: Any
    usage: str | None
    prog: str
    logger: Any = None
    #: where the server was started; what relative paths in the configuration mean
    start_dir: str
    #: the garbage collector was stopped for the start; it goes on when the master begins
    has_paused_gc = False
    #: the values refused so far, when they are collected; None raises the first
    problems: list[str] | None = None

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.usage = usage
        self.prog = prog or os.path.basename(sys.argv[0] or "gunicorn")
        self.callable = None
        self.start_dir = util.getcwd()
        self._overlaid: dict[str, str | None] = {}
        self.do_load_config()

    def do_load_config(self) -> None:
        """Load the configuration; a mistake in it ends the process with one line."""
        try:
            self.load_default_config()
            self.load_config()
        except ConfigError as error:
            fail(error)
        warn_of_certificate(self.cfg)
        for warning in self.cfg.warnings:
            print(f"Warning: {warning}", file=sys.stderr)
        if self.problems and not self.is_checking:
            for problem in self.problems:
                complain(problem)
            sys.exit(ExitStatus.FAILURE)

    @property
    def is_checking(self) -> bool:
        """Whether the process ends after looking at its configuration."""
        return bool(self.cfg.check_config or self.cfg.print_config)

    def load_default_config(self) -> None:
        """Begin with the defaults and what the environment makes of them."""
        self.cfg = Config(self.usage, prog=self.prog)
        sources.apply_environment(self.cfg, os.environ, self.report)

    def load_config(self) -> None:
        """Set what the program wants set; for subclasses."""
        raise NotImplementedError

    def load(self) -> Any:
        """Return the WSGI callable; for subclasses."""
        raise NotImplementedError

    def report(self, problem: str) -> None:
        """Take a value that cannot be used: raise ConfigError, or collect it."""
        if self.problems is None:
            raise ConfigError(problem)
        self.problems.append(problem)

    def wsgi(self) -> Any:
        """The WSGI callable, loaded at the first call."""
        if self.callable is None:
            self.callable = self.load()
        return self.callable

    def reload(self) -> None:
        """Load the configuration anew, from where the server was started.

        ``cfg`` is replaced by a new object if all of it is usable; otherwise ConfigError is raised
        and ``cfg`` is the old one. The callable is forgotten, so that new workers load new code.
        """
        from contextlib import chdir  # a start has no use for it

        old = self.cfg
        # The files are to see the environment that the server was started with.
        self.set_environment({})
        try:
            with chdir(self.start_dir):
                self.load_default_config()
                self.load_config()
            problems = (self.problems or []) + self.cfg.problems()
            if problems:
                raise ConfigError("; ".join(problems))
        except BaseException as error:
            self.restore(old)
            if isinstance(error, SystemExit):
                raise ConfigError(f"The configuration called exit({error.code!r})") from error
            if isinstance(error, ConfigError) or not isinstance(error, Exception):
                raise
            raise ConfigError(util.one_line(error)) from error
        warn_of_certificate(self.cfg)
        self.set_environment(self.cfg.env)
        self.callable = None

    def restore(self, cfg: Config) -> None:
        """Go back to a former configuration: the new workers of a reload did not come up."""
        self.cfg = cfg
        self.set_environment(cfg.env)

    def run(self) -> None:
        """Prepare the process (path, directory, daemon), then be the master until it ends."""
        if self.is_checking:
            # Only those who look at the configuration pay for what can look.
            from gunicorn.app import check

            sys.exit(check.run(self))
        try:
            self.enter_directories()
        except ConfigError as error:
            fail(error)
        self.set_environment(self.cfg.env)
        problems = self.cfg.problems()
        for problem in problems:
            complain(problem)
        if problems:
            sys.exit(ExitStatus.FAILURE)
        if self.cfg.spew:
            from gunicorn import debug

            debug.spew()
        # Not for those who only check, or ask for help.
        from gunicorn.arbiter import Arbiter
        from gunicorn.system import daemonize

        if self.has_paused_gc:
            # What is there now stays: no collection need look at it, nor copy its pages.
            gc.freeze()
            gc.enable()
        try:
            # The master that executed us is a daemon already, and must stay our parent.
            if self.cfg.daemon and "GUNICORN_FD" not in os.environ:
                daemonize.detach(keeps_output=self.cfg.enable_stdio_inheritance)
            Arbiter(self).run()
        except (ConfigError, RuntimeError) as error:
            # A daemon has no terminal; the command that launched it still waits for the verdict.
            daemonize.tell_launcher(ExitStatus.FAILURE, f"Error: {error}")
            fail(error)

    def enter_directories(self) -> None:
        """Put ``pythonpath`` and ``chdir`` at the front of the Python path and change directory."""
        # Relative parts start from where we are, so this comes before leaving it.
        parts = [part.strip() for part in (self.cfg.pythonpath or "").split(",")]
        put_first([os.path.abspath(part) for part in parts if part])
        chdir = self.cfg.chdir
        put_first([chdir])
        try:
            os.chdir(chdir)
        except OSError as error:
            raise ConfigError(
                f"Cannot change to the directory {chdir}, from {self.cfg.origin('chdir')}. "
                f"{error.strerror}"
            ) from error

    def set_environment(self, variables: Mapping[str, str]) -> None:
        """Lay ``variables`` over the environment, after taking the last ones away."""
        for name, before in self._overlaid.items():
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before
        self._overlaid = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)


class Application(BaseApplication):
    """As ``BaseApplication``, configured by a file and the command line of the process.

    Every value that cannot be used is collected, so that all are named at once.
    """

    #: ``--json`` was given: ``print_config`` is for a program
    wants_json = False

    def init(
        self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]
    ) -> Mapping[str, Any] | None:
        """Look at the command line; a dictionary returned is settings weaker than any file's."""
        return None

    def load_default_config(self) -> None:
        """Begin anew, without values and without problems."""
        self.problems = []
        super().load_default_config()

    def parser(self) -> argparse.ArgumentParser:
        """The command line; for subclasses that add options of their own."""
        return self.cfg.parser()

    def parse_command_line(self) -> tuple[Any, Any]:
        """The options of the process, and the parser that knows how to complain about them."""
        parser = self.parser()
        return parser, parser.parse_args()

    def load_config(self) -> None:
        """Apply framework, file, ``GUNICORN_CMD_ARGS`` and command line, the strongest last."""
        parser, opts = self.parse_command_line()
        self.wants_json = opts.json
        if opts.json and not opts.print_config:
            parser.error("--json goes with --print-config")
        # The file may import modules beside it, and hooks may be given by import path.
        put_first([self.start_dir])
        framework = self.init(parser, opts, opts.args)
        if framework:
            sources.apply_framework(self.cfg, framework, "the application", self.report)
        variable = sources.parse_variable(self.cfg, os.environ, VARIABLE)
        if opts.config is not None:
            self.load_config_from_file(opts.config, "--config")
        elif variable is not None and variable.config is not None:
            self.load_config_from_file(variable.config, f"--config in ${VARIABLE}")
        elif os.path.exists(sources.DEFAULT_FILE):
            self.load_config_from_file(sources.DEFAULT_FILE, "the current directory")
        if variable is not None:
            sources.apply_arguments(self.cfg, variable, f" in ${VARIABLE}", self.report)
        sources.apply_arguments(self.cfg, opts, "", self.report)

    def load_config_from_file(self, location: str, origin: str = "the program") -> None:
        """Run a configuration file (PATH, ``file:PATH``, ``python:MODULE``), take its settings."""
        try:
            sources.apply_file(self.cfg, location, origin, self.report)
        except ConfigError as error:
            self.report(str(error))


def put_first(directories: list[str]) -> None:
    """Put directories at the front of the Python path, in their order, unless they are there."""
    if sys.path[: len(directories)] != directories:
        sys.path[:0] = directories
