"""``--check-config`` and ``--print-config``: look at everything, name every problem, leave.

Nothing is bound, written or forked. What only doing it can tell (whether a port is free, whether
another user may write a file) is left to the start.
"""

from __future__ import annotations

import os
import sys
import traceback

from gunicorn import util
from gunicorn.config import report
from gunicorn.errors import AppImportError, ConfigError, ExitStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gunicorn.app.base import BaseApplication
    from gunicorn.config.config import Config


def run(app: BaseApplication) -> int:
    """Check ``app``, printing its configuration first where that is asked; the exit status."""
    cfg = app.cfg
    if cfg.print_config:
        wants_json = getattr(app, "wants_json", False)
        sys.stdout.write(report.format_json(cfg) if wants_json else report.format_for(cfg))
        sys.stdout.flush()
    problems = list(app.problems or [])
    try:
        app.enter_directories()
    except ConfigError as error:
        problems.append(str(error))
    app.set_environment(cfg.env)
    problems += [*cfg.problems(), *listener_problems(cfg), *file_problems(cfg)]
    problems += [*log_problems(cfg), *tls_problems(cfg)]
    for problem in problems:
        print(f"Error: {' '.join(problem.split())}", file=sys.stderr)
    is_nameless = getattr(app, "app_uri", None) == ""
    is_loaded = is_nameless or load(app)
    return ExitStatus.OK if is_loaded and not problems else ExitStatus.FAILURE


def load(app: BaseApplication) -> bool:
    """Load the application; whether that worked, having said why not."""
    try:
        app.wsgi()
    except (AppImportError, ConfigError) as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        return False
    except (Exception, SystemExit):
        # The user's own code; nothing of it would fit on a line.
        print("Error while loading the application:", file=sys.stderr)
        traceback.print_exc()
        return False
    return True


def listener_problems(cfg: Config) -> list[str]:
    """An empty ``bind`` where no socket is passed either."""
    if cfg.bind or "LISTEN_FDS" in os.environ:
        return []
    return [f"Nothing to listen on: bind is empty, from {cfg.origin('bind')}"]


def file_problems(cfg: Config) -> list[str]:
    """Files that could not be written, because of their directory or of what is there."""
    found = []
    names = ["pidfile"]
    if not (cfg.logconfig or cfg.logconfig_json or cfg.logconfig_dict):
        names += ["errorlog", "accesslog"]
    for name in names:
        path = cfg.settings[name].value
        if not path or path == "-":
            continue
        directory = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(directory):
            reason = f"{directory} is no directory"
        elif os.path.isdir(path):
            reason = "it is a directory"
        elif not os.access(path if os.path.exists(path) else directory, os.W_OK):
            reason = "it isn't writable"
        else:
            continue
        found.append(f"{name} {path!r}, from {cfg.origin(name)}: {reason}")
    return found


def log_problems(cfg: Config) -> list[str]:
    """A logging configuration that cannot be read."""
    from gunicorn import logconfig  # loads logging; few have a configuration of it

    for name in ("logconfig", "logconfig_json"):
        path = cfg.settings[name].value
        if path and not os.path.exists(path):
            return []  # that has been said
    try:
        logconfig.read(cfg)
    except ConfigError as error:
        return [str(error)]
    return []


def tls_problems(cfg: Config) -> list[str]:
    """Certificates and keys that cannot be used."""
    paths = [cfg.certfile, cfg.keyfile, cfg.ca_certs]
    if not cfg.certfile or not all(os.path.exists(path) for path in paths if path):
        return []  # that has been said, or there is no TLS
    from gunicorn import tls

    try:
        tls.server_context(cfg)
    except ConfigError as error:
        return [str(error)]
    except Exception as error:
        return [f"ssl_context, from {cfg.origin('ssl_context')}: {util.one_line(error)}"]
    return []
