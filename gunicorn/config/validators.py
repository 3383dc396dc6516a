"""What each kind of value accepts, and what it becomes.

A validator takes one value and returns the value to keep, or raises ValueError or TypeError with
one line; who calls it adds the name, the place and what would be right (``Config.assign``). The
same validators serve configuration files, flags, the environment, Paste files and site files, so
every form that a text file can hold is accepted as text too.

Imports only what is already loaded in any Python, ``inspect`` when a hook is given.
"""

from __future__ import annotations

import os

from gunicorn import util
from gunicorn.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Hook = Callable[..., Any]


def validate_bool(value: Any) -> bool:
    """``True``, ``False``, or these two words in any case."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError(f"Invalid type for casting: {value}")
    word = value.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(f"Invalid boolean: {value}")
    return word == "true"


def validate_dict(value: Any) -> dict[Any, Any]:
    """A dictionary."""
    if not isinstance(value, dict):
        raise TypeError(f"Value is not a dictionary: {value} ")
    return value


def validate_pos_int(value: Any) -> int:
    """A whole number of 0 or more; as text in Python's notation (``5``, ``0x10``, ``0o22``)."""
    if isinstance(value, str):
        try:
            number = int(value.strip(), 0)
        except ValueError:
            raise ValueError(f"Not a whole number: {value!r}") from None
    elif isinstance(value, int):
        number = int(value)
    else:
        raise TypeError(f"Not a whole number: {value!r}")
    if number < 0:
        raise ValueError(f"Value must be positive: {value}")
    return number


def validate_size(value: Any) -> int:
    """A number of bytes; as text also with K, M or G for powers of 1024 (``512M``)."""
    if not isinstance(value, str):
        return validate_pos_int(value)
    text = value.strip()
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper())
    return validate_pos_int(value) if factor is None else validate_pos_int(text[:-1]) * factor


def whole_number(text: str) -> int:
    """The ``type`` of number flags: the notation of configuration files, ``0x10`` included."""
    return int(text, 0)


# argparse puts this name into "invalid int value: 'abc'", which tools match.
whole_number.__name__ = "int"


def validate_octal(value: Any) -> int:
    """As :func:`validate_pos_int`, and a text with a leading zero is octal: ``022`` is 0o22."""
    if isinstance(value, str) and len(value.strip()) > 1:
        digits = value.strip()
        if digits[0] == "0" and digits[1:].replace("_", "").isdigit():
            return int(digits, 8)
    return validate_pos_int(value)


def validate_umask(value: Any) -> int:
    """A file mode mask between 0 and 0o777."""
    return _mode_bits(validate_octal(value), value)


def validate_mode(value: Any) -> int:
    """A file mode between 0 and 0o777; as text always octal, because nobody writes 384 for 0600."""
    if isinstance(value, str):
        try:
            return _mode_bits(int(value.strip(), 8), value)
        except ValueError:
            raise ValueError(f"Not a file mode: {value!r}") from None
    return _mode_bits(validate_pos_int(value), value)


def _mode_bits(number: int, value: Any) -> int:
    if not 0 <= number <= 0o777:
        raise ValueError(f"Not a file mode: {value}")
    return number


def validate_string(value: Any) -> str | None:
    """None, or a text, which loses the white space around it."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"Not a string: {value}")
    return value.strip()


def validate_text(value: Any) -> str:
    """A text, which loses the white space around it; not None."""
    return _text(value)


def validate_path(value: Any) -> str | None:
    """As :func:`validate_string`; a ``pathlib`` path will do as well."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    return validate_string(value)


def validate_list_string(value: Any) -> list[str]:
    """One text or several; a single text stays one element, commas and all."""
    if not value:
        return []
    if isinstance(value, str):
        value = [value]
    elif isinstance(value, (bytes, dict)) or not hasattr(value, "__iter__"):
        raise TypeError(f"Not a list of strings: {value}")
    return [_text(item) for item in value]


def validate_string_to_list(value: Any) -> list[str]:
    """A comma-separated text, or a list of texts; empty elements are dropped."""
    if not value:
        return []
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_text(item) for item in value]
    else:
        parts = [part.strip() for part in (validate_string(value) or "").split(",")]
    return [part for part in parts if part]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Not a string: {value}")
    return value.strip()


def validate_bind(value: Any) -> list[str]:
    """One address or several, each of the grammar of :func:`gunicorn.util.parse_address`."""
    addresses = validate_list_string(value)
    for address in addresses:
        util.parse_address(address)
    return addresses


def validate_environment(value: Any) -> list[str]:
    """A list of ``NAME=VALUE``, or a dictionary of names and values."""
    if isinstance(value, dict):
        value = [f"{_text(name)}={_text(text)}" for name, text in value.items()]
    pairs = validate_list_string(value)
    for pair in pairs:
        name, sign, _ = pair.partition("=")
        if not (name and sign):
            raise ValueError(f"Not of the form NAME=VALUE: {pair!r}")
        if "\0" in pair:
            raise ValueError(f"NUL in an environment variable: {pair!r}")
    return pairs


def validate_class(value: Any) -> Any:
    """A class, a function that returns one, or a text for :func:`gunicorn.util.load_class`."""
    if isinstance(value, type):
        return value
    if callable(value):
        value = value()
    if isinstance(value, type):
        return value
    return validate_string(value)


def validate_choice(*choices: str) -> Callable[[Any], str]:
    """Make a validator for one of ``choices``, in any case."""

    def validate(value: Any) -> str:
        word = _text(value).lower()
        if word not in choices:
            raise ValueError(f"Invalid choice: {value!r}")
        return word

    return validate


def validate_cert_reqs(value: Any) -> int:
    """0, 1 or 2: ``ssl.CERT_NONE``, ``CERT_OPTIONAL``, ``CERT_REQUIRED``."""
    number = validate_pos_int(value)
    if number > 2:
        raise ValueError(f"Invalid choice: {value!r}")
    return number


def validate_user(value: Any) -> int:
    """The number of a user: None is who runs us, a number or digits stand, a name is looked up."""
    if value is None:
        return os.geteuid()
    number = _account_number(value)
    if number is not None:
        return number
    import pwd  # only a name needs the user database

    try:
        return pwd.getpwnam(value).pw_uid
    except KeyError:
        raise ConfigError(f"No such user: {value!r}") from None


def validate_group(value: Any) -> int:
    """The number of a group, as :func:`validate_user`."""
    if value is None:
        return os.getegid()
    number = _account_number(value)
    if number is not None:
        return number
    import grp  # only a name needs the group database

    try:
        return grp.getgrnam(value).gr_gid
    except KeyError:
        raise ConfigError(f"No such group: {value!r}") from None


def _account_number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"Neither a name nor a number: {value!r}")
    if isinstance(value, str) and not value.isdigit():
        return None
    return validate_pos_int(int(value))


def validate_chdir(value: Any) -> str:
    """An existing directory, made absolute; None is the current one."""
    path = validate_path(value)
    if path is None:
        return util.getcwd()
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise ValueError(f"Not a directory: {path!r}")
    return path


def validate_callable(arity: int) -> Callable[[Any], Hook]:
    """Make a validator for hooks: anything that can be called with ``arity`` positional arguments.

    A text names the hook by its import path. An arity of -1 takes any callable.
    """

    def validate(value: Any) -> Hook:
        hook: Hook = _imported(value) if isinstance(value, str) else value
        if not callable(hook):
            raise TypeError(f"Value is not callable: {value}")
        if arity != -1 and not takes(hook, arity):
            raise TypeError(f"Value must have an arity of: {arity}")
        return hook

    return validate


def validate_post_request(value: Any) -> Hook:
    """``post_request(worker, req, environ, resp)``; the last one or two may be missing."""
    hook = validate_callable(-1)(value)
    if takes(hook, 4):
        return hook
    if takes(hook, 3):
        return lambda worker, req, environ, resp: hook(worker, req, environ)
    if takes(hook, 2):
        return lambda worker, req, environ, resp: hook(worker, req)
    raise TypeError("Value must have an arity of: 4")


def takes(hook: Hook, count: int) -> bool:
    """Whether ``hook`` can be called with ``count`` positional arguments.

    A callable that hides its signature, as some builtins do, gets the benefit of the doubt.
    """
    import inspect  # 5 ms that only configurations with hooks pay

    try:
        signature = inspect.signature(hook)
    except ValueError:
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _imported(path: str) -> Any:
    module, _, name = path.strip().rpartition(".")
    if not module:
        raise TypeError(f"Not an import path: {path!r}")
    try:
        return util.import_name(module, name)
    except ImportError as error:
        raise ValueError(f"Cannot import {path!r}: {error}") from error


#: what each validator takes, in the words of the error line and of the manual
ACCEPTS: dict[Any, str] = {
    validate_bool: "True or False",
    validate_dict: "a dictionary",
    validate_pos_int: "a whole number, 0 or more",
    validate_octal: "a whole number, 0 or more",
    validate_umask: "a file mode mask such as 0o022 or '022'",
    validate_mode: "a file mode such as 0o660 or '0660'",
    validate_string: "a text",
    validate_text: "a text",
    validate_path: "a path",
    validate_list_string: "a list of texts",
    validate_string_to_list: "a comma-separated text or a list of texts",
    validate_bind: "HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N, or a list of them",
    validate_environment: "a list of 'NAME=VALUE'",
    validate_class: "a class, or a text that names one",
    validate_cert_reqs: "0 (none), 1 (optional) or 2 (required)",
    validate_user: "the name or number of a user",
    validate_group: "the name or number of a group",
    validate_chdir: "an existing directory",
    validate_post_request: "a function of 4, 3 or 2 parameters",
}
