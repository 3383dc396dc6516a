"""Looking inside."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_bool

SECTION = "Debugging"


class Debug(Setting):
    name = "debug"
    section = SECTION
    cli = ["--debug"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Turn on debugging in the server.

        There is one worker, and error pages carry the traceback. Never on a public server.
        """


class Spew(Setting):
    name = "spew"
    section = SECTION
    cli = ["--spew"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Print every line of Python that the server executes.

        The last resort.
        """


class CheckConfig(Setting):
    name = "check_config"
    section = SECTION
    cli = ["--check-config"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Check the configuration and leave.

        All settings are read, the worker and logger classes and the application are loaded, and
        every problem found is named on a line of its own. Nothing is bound, written or forked. The
        exit status is 0 when the server would start and 1 otherwise.
        """
