"""An application and its configuration, ready for the master.

``BaseApplication`` is for programs that embed the server: override ``load_config`` (call
``self.cfg.set``) and ``load`` (return the WSGI callable), then ``run()``. ``Application`` reads the
configuration file and the command line as well.

Rules: a mistake of the user is one line on standard error and the exit status of
``errors.ExitStatus``; a traceback is shown only when it is of the user's own code. The parts of
the master are imported when they are needed: a wrong command line should not pay for a server.
"""

from __future__ import annotations

import os
import sys

from gunicorn import util
from gunicorn.config import sources
from gunicorn.config.config import Config
from gunicorn.errors import AppImportError, ConfigError, ExitStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any, NoReturn


def complain(problem: object) -> None:
    """Write one problem as one line on standard error."""
    print(f"Error: {' '.join(str(problem).split())}", file=sys.stderr)


class BaseApplication:
    """A WSGI callable, loaded where it is needed, with the configuration to serve it by."""

    cfg: Config
    callable: Any
    usage: str | None
    prog: str
    logger: Any = None

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.usage = usage
        self.prog = prog or os.path.basename(sys.argv[0] or "gunicorn")
        self.callable = None
        self.start_dir = util.getcwd()
        self.do_load_config()

    def do_load_config(self) -> None:
        """Load the configuration; a mistake in it ends the process with one line."""
        try:
            self.load_default_config()
            self.load_config()
        except ConfigError as error:
            fail(error)
        # What an embedder's own load_config lets through from `cfg.set`.
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(self, Application):
                raise
            fail(error)
        for warning in self.cfg.warnings:
            print(f"Warning: {warning}", file=sys.stderr)

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
        """Take note of a value that cannot be used; here the first one ends the loading."""
        raise ConfigError(problem)

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
        try:
            with chdir(self.start_dir):
                self.load_default_config()
                self.load_config()
            problems = self.cfg.problems()
            if problems:
                raise ConfigError("; ".join(problems))
        except SystemExit as error:
            self.cfg = old
            raise ConfigError(f"The configuration file called exit({error.code!r})") from error
        except BaseException as error:
            self.cfg = old
            if isinstance(error, (ValueError, TypeError, AttributeError, OSError)):
                raise ConfigError(util.one_line(error)) from error
            raise
        self.callable = None

    def run(self) -> None:
        """Start the master and stay in it; the process ends when the master does."""
        # Not for those who only check, or ask for help.
        from gunicorn.arbiter import Arbiter

        try:
            Arbiter(self).run()
        except (ConfigError, RuntimeError) as error:
            fail(error)


class Application(BaseApplication):
    """As ``BaseApplication``, configured by a file and the command line of the process."""

    #: with --check-config: all that was found wrong so far
    problems: list[str] | None = None

    def init(
        self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]
    ) -> Mapping[str, Any] | None:
        """Look at the command line; a dictionary returned is settings weaker than any file's."""
        return None

    def report(self, problem: str) -> None:
        """Raise the first problem, or collect them all for ``--check-config``."""
        if self.problems is None:
            raise ConfigError(problem)
        self.problems.append(problem)

    def load_config(self) -> None:
        """Apply framework, file, ``GUNICORN_CMD_ARGS`` and command line, the strongest last."""
        parser = self.cfg.parser()
        opts = parser.parse_args()
        if opts.check_config:
            self.problems = []
        framework = self.init(parser, opts, opts.args)
        if framework:
            sources.apply_framework(self.cfg, framework, "the application", self.report)
        variable = "GUNICORN_CMD_ARGS"
        from_variable = sources.parse_variable(parser, os.environ, variable)
        if opts.config is not None:
            self.load_config_from_file(opts.config, "--config")
        elif from_variable.config is not None:
            self.load_config_from_file(from_variable.config, f"--config in ${variable}")
        elif os.path.exists(sources.DEFAULT_FILE):
            self.load_config_from_file(sources.DEFAULT_FILE, "the current directory")
        sources.apply_arguments(self.cfg, from_variable, variable, report=self.report)
        sources.apply_arguments(self.cfg, opts, report=self.report)

    def load_config_from_file(self, location: str, origin: str = "the program") -> None:
        """Run a configuration file (PATH, ``file:PATH``, ``python:MODULE``), take its settings."""
        try:
            sources.apply_file(self.cfg, location, origin, self.report)
        except ConfigError as error:
            self.report(str(error))

    def run(self) -> None:
        """Prepare the process (path, directory, daemon), then start the master."""
        try:
            self.enter_directories()
        except ConfigError as error:
            fail(error)
        if self.cfg.check_config:
            sys.exit(self.check())
        problems = self.cfg.problems()
        for problem in problems:
            complain(problem)
        if problems:
            sys.exit(ExitStatus.FAILURE)
        if self.cfg.spew:
            from gunicorn import debug

            debug.spew()
        if self.cfg.daemon:
            from gunicorn.system.daemonize import daemonize

            daemonize()
        super().run()

    def enter_directories(self) -> None:
        """Put ``pythonpath`` and ``chdir`` at the front of the Python path and change directory."""
        # The start directory is what relative parts mean, so this comes before changing it.
        parts = [part.strip() for part in (self.cfg.pythonpath or "").split(",")]
        chdir = self.cfg.chdir
        for path in [*reversed([os.path.abspath(part) for part in parts if part]), chdir]:
            if path not in sys.path[:1]:
                sys.path.insert(0, path)
        try:
            os.chdir(chdir)
        except OSError as error:
            raise ConfigError(
                f"Cannot change to the directory {chdir}, from {self.cfg.origin('chdir')}. "
                f"{error.strerror}"
            ) from error

    def check(self) -> int:
        """Name every problem that would keep the server from starting; the exit status."""
        problems = (self.problems or []) + self.cfg.problems()
        for problem in problems:
            complain(problem)
        os.environ.update(self.cfg.env)
        try:
            self.wsgi()
        except AppImportError as error:
            complain(error)
        except Exception as error:
            import traceback

            print("Error while loading the application:", file=sys.stderr)
            traceback.print_exception(error)
        else:
            return ExitStatus.FAILURE if problems else ExitStatus.OK
        return ExitStatus.FAILURE


def fail(problem: object) -> NoReturn:
    """Write the problem and end the process."""
    complain(problem)
    sys.exit(ExitStatus.FAILURE)
