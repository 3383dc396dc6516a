"""Applications that bring a launcher of their own: Django projects and PasteDeploy files."""

from __future__ import annotations

import os

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_list_string, validate_string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def validate_paste(value: Any) -> str | None:
    """``INI`` or ``INI#APP``, the path made absolute: workers may be in another directory."""
    text = validate_string(value)
    if not text:
        return None
    path, mark, name = text.partition("#")
    return os.path.abspath(os.path.expanduser(path)) + mark + name


def validate_variables(value: Any) -> list[str]:
    """A list of ``NAME=VALUE``."""
    pairs = validate_list_string(value)
    for pair in pairs:
        name, sign, _ = pair.partition("=")
        if not name.strip() or not sign:
            raise ValueError(f"Not NAME=VALUE: {pair!r}")
    return pairs


class DjangoSettings(Setting):
    name = "django_settings"
    section = "Django"
    cli = ["--settings"]
    meta = "STRING"
    validator = validate_string
    accepts = "the import path of a module"
    desc = """\
        The Python path of a Django settings module.

        For example ``myproject.settings.main``. The application finds it in its environment as
        ``DJANGO_SETTINGS_MODULE``; without it that variable stays as it is.
        """


class Paste(Setting):
    name = "paste"
    section = "Paster"
    cli = ["--paste", "--paster"]
    meta = "FILE"
    validator = validate_paste
    accepts = "the path of a PasteDeploy file, or PATH#APP"
    desc = """\
        Serve the application of a PasteDeploy file.

        After a ``#`` stands the name of the application when it is not ``main``, for example
        ``production.ini#admin``. The settings in its section ``[server:main]`` are taken where the
        configuration file and the command line say nothing.
        """


class PasteGlobal(Setting):
    name = "raw_paste_global_conf"
    section = "Paster"
    cli = ["--paste-global"]
    action = "append"
    meta = "CONF"
    validator = validate_variables
    accepts = "a list of 'NAME=VALUE'"
    default = []
    desc = """\
        Set a global variable of the PasteDeploy file.

        ``NAME=VALUE``, as the variables after the file name in ``pserve FILE NAME=VALUE``; the flag
        can be given several times. A variable with the name of a setting sets that too.
        """
