"""Logging by Python's own configuration, to syslog, and figures to StatsD."""

from gunicorn.config.endpoints import (
    validate_facility,
    validate_statsd_address,
    validate_syslog_address,
)
from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_dict,
    validate_path,
    validate_string,
)

SECTION = "Logging"


class LogConfig(Setting):
    name = "logconfig"
    section = SECTION
    cli = ["--log-config"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        A file that configures Python's logging, in the format of ``logging.config.fileConfig``.

        It replaces the other log settings. The loggers are ``gunicorn.error`` and
        ``gunicorn.access``; ``%(here)s`` in the file is its directory.
        """


class LogConfigDict(Setting):
    name = "logconfig_dict"
    section = SECTION
    validator = validate_dict
    default = {}
    desc = """\
        A dictionary that configures Python's logging, in the format of ``logging.config``.

        It replaces the other log settings, ``logconfig`` and ``logconfig_json`` among them. Left
        out, ``version`` is 1, existing loggers stay enabled, and there are a formatter ``standard``
        and the handlers ``stdout`` (standard output) and ``stderr`` (standard error)::

            logconfig_dict = {
                "root": {"level": "INFO", "handlers": ["stderr"]},
                "loggers": {"gunicorn.access": {"handlers": ["stdout"], "propagate": False}},
            }
        """


class LogConfigJson(Setting):
    name = "logconfig_json"
    section = SECTION
    cli = ["--log-config-json"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        A file with the dictionary of ``logconfig_dict`` in JSON.

        It replaces the other log settings, ``logconfig`` among them.
        """


class Syslog(Setting):
    name = "syslog"
    section = SECTION
    cli = ["--log-syslog"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Send the logs to syslog as well.

        The error log and the access lines both; see ``disable_redirect_access_to_syslog``.
        """


class SyslogTo(Setting):
    name = "syslog_addr"
    section = SECTION
    cli = ["--log-syslog-to"]
    meta = "SYSLOG_ADDR"
    validator = validate_syslog_address
    accepts = "udp://HOST:PORT, tcp://HOST:PORT or unix://PATH"
    default = "udp://localhost:514"
    desc = """\
        Where syslog listens.

        ``udp://HOST:PORT``, ``tcp://HOST:PORT`` (the port is 514 where none is given), or
        ``unix://PATH``, for which datagrams are tried first and a stream then; ``unix://PATH#dgram``
        and ``unix://PATH#stream`` try one of them only. A syslog that cannot be reached costs its
        lines and nothing else.
        """


class SyslogPrefix(Setting):
    name = "syslog_prefix"
    section = SECTION
    cli = ["--log-syslog-prefix"]
    meta = "SYSLOG_PREFIX"
    validator = validate_string
    default_text = "the name of the process"
    desc = """\
        The name of the server in its syslog lines.

        Lines of the error log are tagged ``gunicorn.PREFIX.error``, access lines
        ``gunicorn.PREFIX.access``.
        """


class SyslogFacility(Setting):
    name = "syslog_facility"
    section = SECTION
    cli = ["--log-syslog-facility"]
    meta = "SYSLOG_FACILITY"
    validator = validate_facility
    accepts = "a facility such as 'user', 'daemon' or 'local0'"
    default = "user"
    desc = """\
        The syslog facility.
        """


class DisableRedirectAccessToSyslog(Setting):
    name = "disable_redirect_access_to_syslog"
    section = SECTION
    cli = ["--disable-redirect-access-to-syslog"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Send no access lines to syslog.
        """


class StatsdHost(Setting):
    name = "statsd_host"
    section = SECTION
    cli = ["--statsd-host"]
    meta = "STATSD_ADDR"
    validator = validate_statsd_address
    accepts = "HOST:PORT or unix://PATH"
    desc = """\
        Where StatsD listens: ``HOST:PORT`` (UDP, 8125 where no port is given) or ``unix://PATH``.

        ===============================  ==================================================
        Metric                           Meaning
        ===============================  ==================================================
        gunicorn.requests                requests (counter)
        gunicorn.request.status.STATUS   requests answered with the status (counter)
        gunicorn.request.duration        time taken, in milliseconds
        gunicorn.workers                 workers that are ready (gauge)
        gunicorn.log.LEVEL               lines of the error log of the level warning,
                                         error or critical (counter)
        gunicorn.log.exception           lines with a traceback (counter)
        ===============================  ==================================================
        """


class StatsdPrefix(Setting):
    name = "statsd_prefix"
    section = SECTION
    cli = ["--statsd-prefix"]
    meta = "STATSD_PREFIX"
    validator = validate_string
    default = ""
    desc = """\
        What the names of all StatsD metrics begin with; a dot is added where it has none.
        """


class DogstatsdTags(Setting):
    name = "dogstatsd_tags"
    section = SECTION
    cli = ["--dogstatsd-tags"]
    meta = "DOGSTATSD_TAGS"
    validator = validate_string
    accepts = "tags separated by commas"
    default = ""
    desc = """\
        Tags for all StatsD metrics, in the form of DogStatsD: ``tag1:value1,tag2:value2``.
        """
