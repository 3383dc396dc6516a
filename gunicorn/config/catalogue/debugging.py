"""Looking inside."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_bool, validate_choice, validate_list_string

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

        There is one worker, whatever ``workers`` says, and error pages carry the traceback. Never
        on a public server.
        """


class Reload(Setting):
    name = "reload"
    section = SECTION
    cli = ["--reload"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Replace the workers when the code changes.

        For development. Every imported module is watched, and ``reload_extra_files``. Code that
        cannot be imported does not end the server: requests are answered with the traceback until
        the code changes again.
        """


class ReloadEngine(Setting):
    name = "reload_engine"
    section = SECTION
    cli = ["--reload-engine"]
    meta = "STRING"
    validator = validate_choice("auto", "poll", "inotify")
    accepts = "'auto', 'poll' or 'inotify'"
    default = "auto"
    desc = """\
        How ``reload`` learns that a file has changed.

        ``poll`` looks at all files once a second, ``inotify`` is told by the kernel and looks now
        and then as well, for files on network and virtual machine mounts, of which the kernel does
        not tell. ``auto`` is ``inotify`` where the system has it.
        """


class ReloadExtraFiles(Setting):
    name = "reload_extra_files"
    section = SECTION
    cli = ["--reload-extra-file"]
    action = "append"
    meta = "FILE"
    validator = validate_list_string
    accepts = "a list of paths"
    default = []
    desc = """\
        Files that ``reload`` watches beside the code: templates, data, configuration.

        The flag can be given several times. Of a directory only the coming and going of files in it
        is noticed.
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


class PrintConfig(Setting):
    name = "print_config"
    section = SECTION
    cli = ["--print-config"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Print every setting, its value and where the value comes from, and leave.

        The source is ``FILE:LINE``, an option, an environment variable or ``built-in``. A terminal
        gets a table, a pipe lines of name, value and source separated by tabs; with ``--json`` it
        is a JSON object. Everything is checked as by ``check_config``, with its exit status.
        """
