"""The keys of a site file that are no server settings: what each may hold and what it means.

One row a key, read by ``site`` and by the manual. A check gets the value TOML gave and returns the
value the ``Site`` record holds, or raises ``ValueError`` with the reason; where it stands is the
caller's knowledge. Checks look at nothing but the value: whether a user or a directory exists is
asked when the site starts, because a generator runs before directories and accounts are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

#: useradd(8) allows less; accounts from a directory service bring dots, '@' and capitals.
#: No leading digit: systemd and we would read a number.
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,30}\$?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIZE = re.compile(r"[1-9][0-9]*[KMGT]?|[1-9][0-9]?%|100%|infinity")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: variables by which a service manager speaks to the process it starts: not a site's to set
_MANAGER = re.compile(r"(NOTIFY_SOCKET|MAINPID|GUNICORN_FD|FDSTORE|(LISTEN|WATCHDOG)_[A-Z]+)")

MODES = ("wsgi", "django", "paster")
_EXAMPLES = {"wsgi": "module:name", "django": "shop.settings"}
HOMES = ("hidden", "read-only", "writable")
STARTS = ("auto", "manual", "disabled")


class Key(NamedTuple):
    """One row: how to check a value, what it is without one, what the manual says."""

    check: Callable[[Any], Any]
    default: Any
    text: str


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a quoted string is expected, not {describe(value)}")
    if not value.strip():
        raise ValueError("it is empty")
    if _CONTROL.search(value):
        raise ValueError("it holds a line break or another control character")
    return value.strip()


def describe(value: Any) -> str:
    """Name a value as people call it, for messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return repr(value)
    return f"the date {value}"


def check_app(value: Any) -> str:
    return _text(value)


def app_problem(mode: str, app: str) -> str | None:
    """Say why an application of this mode cannot be named so; None when it can."""
    if mode == "paster":
        path = app.partition("#")[0]
        if not path.startswith("/") or ".." in path.split("/"):
            return "the absolute path of a PasteDeploy file is expected: /srv/shop/production.ini"
        return None
    module = app.partition(":")[0]
    if module.endswith(".py") or "/" in module:
        return "a module is expected, not a file: " + _EXAMPLES[mode]
    if mode == "django" and not all(part.isidentifier() for part in app.split(".")):
        return "the settings module of the project is expected: " + _EXAMPLES[mode]
    return None


def check_mode(value: Any) -> str:
    text = _text(value)
    if text not in MODES:
        raise ValueError(f"{text!r} is no mode; there is {', '.join(MODES)}")
    return text


def check_account(value: Any) -> str:
    """Check a user or group name. Root is refused: a site is a stranger's application."""
    text = _text(value)
    if text in ("root", "0"):
        raise ValueError("a site never runs as root")
    if text.isdigit():
        raise ValueError("a name is expected, not a number")
    if not _ACCOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is no account name")
    return text


def check_path(value: Any) -> str:
    text = _text(value)
    if not text.startswith("/"):
        raise ValueError(f"an absolute path is expected, not {text!r}")
    if ".." in text.split("/"):
        raise ValueError("'..' has no place in a path of a site file")
    return text


def check_paths(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(check_path(item) for item in items)


def check_env_file(value: Any) -> str:
    path = check_path(value)
    if set(path) & set(":%\\ "):
        raise ValueError("a path without blanks, colons, '%' and backslashes is expected")
    return path


def check_yes(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {describe(value)}")
    return value


def check_home(value: Any) -> str:
    text = _text(value)
    if text not in HOMES:
        raise ValueError(f"{text!r} is not one of {', '.join(HOMES)}")
    return text


def check_start(value: Any) -> str:
    text = _text(value)
    if text not in STARTS:
        raise ValueError(f"{text!r} is not one of {', '.join(STARTS)}")
    return text


def check_socket_mode(value: Any) -> int:
    """0o660 or "0660"; never for everybody to write what only the proxy should."""
    if isinstance(value, str) and re.fullmatch(r"(0o?)?[0-7]{3}", value.strip()):
        value = int(value.strip().removeprefix("0o"), 8)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('octal digits are expected: "0660"')
    if value & ~0o777 or value & 0o111:
        raise ValueError(f'read and write bits only, in octal: "0660", not {value} (0o{value:o})')
    if value & 0o600 != 0o600:
        raise ValueError(f"mode {value:04o} would lock the site out of its own socket")
    return value


def check_size(value: Any) -> str:
    """Bytes, with K, M, G, T; a share of the machine's memory; infinity."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and _SIZE.fullmatch(value.strip()):
        return value.strip()
    raise ValueError('an amount of memory is expected: "512M", "2G", "25%", "infinity"')


def check_count(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if value == "infinity":
        return "infinity"
    raise ValueError('a number above 0 is expected, or "infinity"')


def check_quota(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]*%", value.strip()):
        return value.strip()
    raise ValueError('a share of one processor is expected: "50%", "200%"')


def check_variable_name(name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("it is no name of an environment variable")
    if _MANAGER.fullmatch(name):
        raise ValueError("it belongs to the service manager")


def check_variable(value: Any) -> str:
    """Check a value of the environment. A line break would forge lines wherever it is listed."""
    if isinstance(value, bool):
        raise ValueError(f'a quoted string is expected: "{str(value).lower()}"')
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"a quoted string is expected, not {describe(value)}")
    if _CONTROL.search(value.replace("\t", " ")):
        raise ValueError("it holds a line break or another control character")
    return value


#: the rows, in the order of the manual
SITE_KEYS: dict[str, Key] = {
    "app": Key(check_app, None, "The application: module:name, or what mode says. Required."),
    "mode": Key(
        check_mode,
        "wsgi",
        "What app names: wsgi, a WSGI object; django, the settings module of a project; paster, "
        "the path of a PasteDeploy file, perhaps with #NAME.",
    ),
    "user": Key(check_account, None, "The account every process of the site runs as. Required."),
    "group": Key(check_account, None, "Its group; default: the user's own."),
    "chdir": Key(check_path, None, "Directory of the application; it is on the import path."),
    "python": Key(check_path, None, "Virtualenv directory or interpreter of the site."),
    "start": Key(
        check_start, "auto", "auto: with the system; manual: by hand; disabled: not at all."
    ),
    "socket_group": Key(check_account, "www-data", "Group that may connect to the Unix socket."),
    "socket_mode": Key(check_socket_mode, 0o660, "Mode of the Unix socket."),
    "config": Key(check_path, None, "Python settings file, read by the site's own master only."),
    "env_file": Key(
        check_env_file,
        None,
        "File of NAME=value lines with secrets, root's and closed to others; read by root.",
    ),
    "writable": Key(check_paths, (), "Directories the site may write to under systemd's sandbox."),
}

LIMIT_KEYS: dict[str, Key] = {
    "memory_max": Key(check_size, None, "Memory of all processes of the site: MemoryMax=."),
    "tasks_max": Key(check_count, None, "Processes and threads of the site: TasksMax=."),
    "cpu_quota": Key(check_quota, None, "Processor time, in percent of one processor: CPUQuota=."),
    "nofile": Key(check_count, None, "Open files of each process: LimitNOFILE=."),
}

#: what a site may be granted that systemd's sandbox takes from it; the lines are in ``units``
SANDBOX_KEYS: dict[str, Key] = {
    "home": Key(
        check_home,
        "hidden",
        "/home and /root: hidden, read-only (a virtualenv there) or writable. Cost: what other "
        "people keep there is protected by file modes only.",
    ),
    "shared_tmp": Key(
        check_yes,
        False,
        "The machine's /tmp in place of one of its own (sockets of others in it). Cost: files with "
        "guessable names can be planted for the site, and the site's are seen.",
    ),
    "devices": Key(
        check_yes,
        False,
        "Real devices (a GPU, a serial line). Cost: file modes alone keep it from disks.",
    ),
    "jit": Key(
        check_yes,
        False,
        "Memory that is written and then executed (PyPy, numba, some C callbacks). Cost: a memory "
        "error in a C extension is easier to turn into code.",
    ),
    "namespaces": Key(
        check_yes,
        False,
        "User and mount namespaces (a headless browser's own sandbox). Cost: much more of the "
        "kernel can be reached.",
    ),
    "processes": Key(
        check_yes,
        False,
        "Sees other users' processes. Cost: their command lines can be read.",
    ),
    "setuid_programs": Key(
        check_yes,
        False,
        "Programs such as sendmail or sudo gain their privileges. Cost: all system call filters "
        "too, which systemd cannot keep without no-new-privileges. Send mail over SMTP instead.",
    ),
}

#: settings of the server that a site file cannot give, and where the reader is sent instead
REFUSED: dict[str, str] = {
    "daemon": "the site's unit keeps it in the foreground",
    "check_config": "gunicornctl check does that",
    "print_config": "gunicornctl check does that",
    "wsgi_app": "write app",
    "control_socket": "it is where gunicornctl looks for it: /run/gunicorn/SITE/control",
    "control_socket_mode": "only the site's user and root may use it",
    "pidfile": "it is /run/gunicorn/SITE/gunicorn.pid",
    "initgroups": "the site always gets the groups of its user",
    "raw_env": "write variables into the table [env]",
    "umask": "write socket_mode for the socket",
    "default_proc_name": "write proc_name",
}
