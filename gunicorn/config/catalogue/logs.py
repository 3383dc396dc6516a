"""What is logged, and where."""

from __future__ import annotations

from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_choice,
    validate_class,
    validate_path,
    validate_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECTION = "Logging"


class Accesslog(Setting):
    name = "accesslog"
    section = SECTION
    cli = ["--access-logfile"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        The file for the access log.

        ``-`` is the standard error stream. Without it there is no access log.
        """


class AccessLogFormat(Setting):
    name = "access_log_format"
    section = SECTION
    cli = ["--access-logformat"]
    meta = "STRING"
    validator = validate_text
    default = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
    desc = """\
        The form of a line of the access log.

        ===========  ==================================================
        Atom         Meaning
        ===========  ==================================================
        h            remote address
        l            ``-``
        u            user of basic authentication, or ``-``
        t            date and time of the request
        r            request line (``GET / HTTP/1.1``)
        m            method
        U            path without query
        q            query
        H            protocol
        s            status
        b, B         bytes of the response, or ``-`` (0 for ``B``)
        f            referer
        a            user agent
        T            time taken, in seconds
        M            time taken, in milliseconds
        D            time taken, in microseconds
        L            time taken, in seconds with decimals
        p            process id
        {Header}i    request header
        {Header}o    response header
        {Name}e      variable of the environ
        ===========  ==================================================
        """


def validate_errorlog(value: Any) -> str:
    """A path; nothing at all is the standard error stream, because errors must go somewhere."""
    return validate_path(value) or "-"


class Errorlog(Setting):
    name = "errorlog"
    section = SECTION
    cli = ["--error-logfile", "--log-file"]
    meta = "FILE"
    validator = validate_errorlog
    accepts = "a path, or '-'"
    default = "-"
    desc = """\
        The file for the error log.

        ``-`` is the standard error stream.
        """


class Loglevel(Setting):
    name = "loglevel"
    section = SECTION
    cli = ["--log-level"]
    meta = "LEVEL"
    validator = validate_choice("debug", "info", "warning", "error", "critical")
    accepts = "'debug', 'info', 'warning', 'error' or 'critical'"
    default = "info"
    desc = """\
        How much the error log tells.

        ``debug``, ``info``, ``warning``, ``error`` or ``critical``, in any case.
        """


class LoggerClass(Setting):
    name = "logger_class"
    section = SECTION
    cli = ["--logger-class"]
    meta = "STRING"
    validator = validate_class
    accepts = "'simple', egg:DIST#NAME, an import path or a class"
    default = "simple"
    desc = """\
        The class that writes the logs.

        ``simple`` is ``gunicorn.glogging.Logger``. A subclass can be given as a class, by its
        import path, or as the entry point of a distribution (``egg:mydist#mylogger``).
        """


class CaptureOutput(Setting):
    name = "capture_output"
    section = SECTION
    cli = ["--capture-output"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Send what the application writes to its standard streams to the error log file.
        """


class EnableStdioInheritance(Setting):
    name = "enable_stdio_inheritance"
    section = SECTION
    cli = ["-R", "--enable-stdio-inheritance"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Keep standard output and standard error in ``daemon`` mode, where they lead now.

        Otherwise a daemon has them on ``/dev/null``.
        """
