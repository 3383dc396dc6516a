"""The process: its files, its user, its directory, its environment."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_chdir,
    validate_environment,
    validate_group,
    validate_path,
    validate_string,
    validate_umask,
    validate_user,
)

SECTION = "Server Mechanics"


class Daemon(Setting):
    name = "daemon"
    section = SECTION
    cli = ["-D", "--daemon"]
    action = "store_true"
    validator = validate_bool
    default = False
    restart = True
    desc = """\
        Detach from the terminal and run in the background.

        Under systemd or another supervisor leave this off.
        """


class Pidfile(Setting):
    name = "pidfile"
    section = SECTION
    cli = ["-p", "--pid"]
    meta = "FILE"
    validator = validate_path
    desc = """\
        The file that holds the process id of the master while the server runs.

        Without it none is written. A file that names a live process keeps the server from starting.
        """


class User(Setting):
    name = "user"
    section = SECTION
    cli = ["-u", "--user"]
    meta = "USER"
    validator = validate_user
    default_text = "the user who starts the server"
    desc = """\
        The user the workers run as.

        A name or a number. Only root can change it.
        """


class Group(Setting):
    name = "group"
    section = SECTION
    cli = ["-g", "--group"]
    meta = "GROUP"
    validator = validate_group
    default_text = "the group of who starts the server"
    desc = """\
        The group the workers run as.

        A name or a number.
        """


class Initgroups(Setting):
    name = "initgroups"
    section = SECTION
    cli = ["--initgroups"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Give the workers all the groups of their user, not only ``group``.
        """


class Umask(Setting):
    name = "umask"
    section = SECTION
    cli = ["-m", "--umask"]
    meta = "INT"
    validator = validate_umask
    default = 0
    desc = """\
        The bits that are taken away from the mode of files the server creates.

        This decides who may connect to a Unix socket: 0 lets everybody, ``0o007`` user and group.
        As text a leading zero makes it octal (``022``, ``0022``), ``0x12`` is hexadecimal and
        ``18`` decimal, on the command line as in a file.
        """


class Chdir(Setting):
    name = "chdir"
    section = SECTION
    cli = ["--chdir"]
    meta = "DIR"
    validator = validate_chdir
    default_text = "the directory the server was started in"
    restart = True
    desc = """\
        The directory to change to before the application is loaded.

        It is put at the front of the Python path. Relative paths in other settings start from it.
        """


class Env(Setting):
    name = "raw_env"
    section = SECTION
    cli = ["-e", "--env"]
    action = "append"
    meta = "ENV"
    validator = validate_environment
    default = []
    desc = """\
        Environment variables for the application.

        Each is ``NAME=VALUE``; the flag can be given several times, a file assigns a list::

            raw_env = ["DJANGO_SETTINGS_MODULE=shop.settings", "TZ=UTC"]
        """


class PythonPath(Setting):
    name = "pythonpath"
    section = SECTION
    cli = ["--pythonpath"]
    meta = "STRING"
    validator = validate_string
    accepts = "directories separated by commas"
    restart = True
    desc = """\
        Directories for the front of the Python path, separated by commas.

        For example ``/srv/shop,/srv/shop/lib``. Relative ones start from the directory the server
        was started in.
        """


class TmpUploadDir(Setting):
    name = "tmp_upload_dir"
    section = SECTION
    cli = ["--tmp-upload-dir"]
    meta = "DIR"
    validator = validate_path
    default_text = "the system's temporary directory"
    desc = """\
        The directory for request bodies that are too large to be kept in memory.

        The workers must be able to write to it.
        """


class Sendfile(Setting):
    name = "sendfile"
    section = SECTION
    cli = ["--no-sendfile"]
    action = "store_const"
    const = False
    validator = validate_bool
    default = True
    desc = """\
        Let the kernel copy files to the client (``sendfile(2)``) where an application returns one.

        Turn it off for file systems that do not support it well.
        """


class WorkerTmpDir(Setting):
    name = "worker_tmp_dir"
    section = SECTION
    cli = ["--worker-tmp-dir"]
    meta = "DIR"
    validator = validate_path
    no_effect = "workers give their signs of life in memory, without a file"
    desc = """\
        Accepted, without effect.

        Other versions keep a file for each worker's signs of life there; here they are in memory.
        """
