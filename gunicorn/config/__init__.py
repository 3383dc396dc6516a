"""The settings and how they get their values; these are the names that others import.

``setting`` says what a setting is, ``catalogue`` declares each, ``config`` gives access by
attribute, ``sources`` knows who overrides whom, ``cli`` makes the command line.

Rules: importing this package loads no ssl, asyncio, logging or argparse. The command line, the
manual and a configuration file's errors are paid for by those who use them.
"""

from gunicorn.config import catalogue
from gunicorn.config.catalogue.debugging import CheckConfig, Debug
from gunicorn.config.catalogue.logs import AccessLogFormat, LoggerClass
from gunicorn.config.catalogue.server_hooks import PostRequest, PreRequest
from gunicorn.config.catalogue.server_socket import Backlog, Bind
from gunicorn.config.catalogue.worker_processes import Timeout, WorkerClass, Workers
from gunicorn.config.config import Config
from gunicorn.config.setting import BUILT_IN, KNOWN_SETTINGS, Setting, make_settings
from gunicorn.config.validators import (
    validate_bool,
    validate_callable,
    validate_class,
    validate_dict,
    validate_group,
    validate_list_string,
    validate_pos_int,
    validate_post_request,
    validate_string,
    validate_string_to_list,
    validate_user,
)

__all__ = [
    "BUILT_IN",
    "KNOWN_SETTINGS",
    "AccessLogFormat",
    "Backlog",
    "Bind",
    "CheckConfig",
    "Config",
    "Debug",
    "LoggerClass",
    "PostRequest",
    "PreRequest",
    "Setting",
    "Timeout",
    "WorkerClass",
    "Workers",
    "catalogue",
    "make_settings",
    "validate_bool",
    "validate_callable",
    "validate_class",
    "validate_dict",
    "validate_group",
    "validate_list_string",
    "validate_pos_int",
    "validate_post_request",
    "validate_string",
    "validate_string_to_list",
    "validate_user",
]
