"""Where the configuration file is, and which application it is for."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_path, validate_string

SECTION = "Config File"


class ConfigFile(Setting):
    name = "config"
    section = SECTION
    cli = ["-c", "--config"]
    meta = "FILE"
    validator = validate_path
    accepts = "a path, file:PATH or python:MODULE"
    default_text = "./gunicorn.conf.py, where there is one"
    restart = True
    desc = """\
        The configuration file.

        A path, ``file:PATH``, or ``python:MODULE`` for a module that can be imported. The file is
        Python; names assigned at its top level are settings. It is run at every start and at every
        reload. A file that is named but does not exist is an error.

        Only the command line and ``GUNICORN_CMD_ARGS`` can set this.
        """


class WSGIApp(Setting):
    name = "wsgi_app"
    section = SECTION
    validator = validate_string
    accepts = "MODULE, MODULE:NAME or MODULE:FACTORY(...)"
    desc = """\
        The application, where the command line names none.

        The same text as APP_MODULE on the command line, which is stronger.
        """
