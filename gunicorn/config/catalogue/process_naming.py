"""What the processes are called."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_string

SECTION = "Process Naming"


class Procname(Setting):
    name = "proc_name"
    section = SECTION
    cli = ["-n", "--name"]
    meta = "STRING"
    validator = validate_string
    default_text = "the name of the application"
    desc = """\
        The name in the titles of the processes, as ``ps`` and ``top`` show them.

        It tells several servers on one machine apart: ``gunicorn: master [NAME]``. Needs
        the module ``setproctitle``.
        """


class DefaultProcName(Setting):
    name = "default_proc_name"
    section = SECTION
    validator = validate_string
    default = "gunicorn"
    desc = """\
        Internal: the name of the application, used where ``proc_name`` is not given.
        """
