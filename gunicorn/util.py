"""The small public helpers that applications, plugins and configuration files import.

Each is a few lines and knows nothing of the server's own state. Imports beyond the always loaded
ones are made where they are needed: this file is loaded by every command, also by those that only
print a version.
"""

from __future__ import annotations

import importlib
import os
import sys

from gunicorn.errors import AppImportError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    import socket
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

__all__ = [
    "close_on_exec",
    "daemonize",
    "getcwd",
    "http_date",
    "import_app",
    "import_name",
    "is_hoppish",
    "is_ipv6",
    "load_class",
    "nearest",
    "one_line",
    "parse_address",
    "write",
    "write_chunk",
]

#: RFC 2616 section 13.5.1: fields of one connection; Server and Date are the server's as well
HOP_HEADERS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "server",
        "date",
    }
)

#: short class names that are no entry in a module's table
_SHORT_NAMES = {"gunicorn.loggers": {"simple": "gunicorn.glogging.Logger"}}


def getcwd() -> str:
    """The current directory, by the name the user came by (``PWD``) when that is the same place."""
    here = os.getcwd()
    try:
        claimed = os.environ["PWD"]
        if os.path.isabs(claimed) and os.path.samestat(os.stat(claimed), os.stat(here)):
            return claimed
    except (KeyError, OSError):
        pass
    return here


def nearest(name: str, candidates: Iterable[str], cutoff: float = 0.75) -> str | None:
    """The candidate that ``name`` is most likely a misspelling of, or None."""
    import difflib  # only when there is a mistake to explain

    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def one_line(error: BaseException) -> str:
    """``TypeName: text`` of an exception, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# -- addresses -------------------------------------------------------------------------------------


def is_ipv6(host: str) -> bool:
    """Whether ``host`` is an IPv6 address, with or without a zone."""
    import socket  # the server has it loaded; the generator seldom needs it

    try:
        socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def parse_address(text: str, default_port: int = 8000) -> tuple[str, int] | str | int:
    """What to bind: ``(host, port)``, the path of a Unix socket, or a descriptor number.

    ``HOST``, ``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` (all IPv4 interfaces), ``tcp://...``,
    ``unix:PATH``, ``unix://PATH`` and ``fd://N``; an empty text is ``0.0.0.0``. Raises ValueError.
    """
    text = text.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path:
            raise ValueError(f"{text!r} has no path.")
        return path
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not _is_number(number):
            raise ValueError(f"{number!r} is not a valid descriptor number.")
        return int(number)
    text = text.removeprefix("tcp://")
    if "," in text:
        raise ValueError(f"{text!r} is not a valid address: several addresses make a list.")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":") or not is_ipv6(host):
            raise ValueError(f"{text!r} is not a valid IPv6 address.")
        port = rest[1:]
    elif text.count(":") > 1:
        raise ValueError(f"{text!r} is ambiguous: put the IPv6 address in brackets.")
    elif text and not text.strip("0123456789"):
        raise ValueError(f"{text!r} is a port without a host: write ':{text}'.")
    else:
        host, rest, port = text.partition(":")
        if any(sign in host for sign in " /@"):
            raise ValueError(f"{host!r} is not a valid host name.")
        host = host.lower() if text else "0.0.0.0"
    if not rest:
        return host, default_port
    if not _is_number(port) or int(port) > 65535:
        raise ValueError(f"{port!r} is not a valid port number.")
    return host, int(port)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


# -- classes and applications ----------------------------------------------------------------------


def import_name(module: str, name: str) -> Any:
    """The attribute ``name`` of ``module``; ImportError says which of the two is missing."""
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ImportError(f"module {module!r} has no attribute {name!r}") from None


def load_class(uri: Any, default: str = "sync", section: str = "gunicorn.workers") -> Any:
    """The class that ``uri`` stands for.

    A class stands for itself. Of texts: ``egg:DIST#NAME`` is the entry point ``NAME`` of the
    distribution in the group ``section`` (``NAME`` may be left out for ``default``); a name without
    a dot is a bundled one or any entry point of the group; the rest is an import path. Raises
    ConfigError with one line.
    """
    if isinstance(uri, type):
        return uri
    try:
        if uri.startswith("egg:"):
            distribution, _, name = uri.removeprefix("egg:").partition("#")
            return _entry_point(section, name or default, distribution)
        name = uri.removeprefix("#")
        if "." not in name:
            path = _short_names(section).get(name)
            if path is None:
                return _entry_point(section, name, None)
            name = path.replace(":", ".")
        module, _, attribute = name.rpartition(".")
        return import_name(module, attribute)
    # A plugin may raise anything while it is imported; gevent's absence is a RuntimeError.
    except Exception as error:
        raise ConfigError(f"class uri {uri!r} invalid or not found: {one_line(error)}") from error


def _short_names(section: str) -> dict[str, str]:
    """The bundled names of a section; ``gunicorn.workers`` keeps its own, others patch it there."""
    if section in _SHORT_NAMES:
        return _SHORT_NAMES[section]
    names: dict[str, str] = getattr(importlib.import_module(section), "SUPPORTED_WORKERS", {})
    return names


def _entry_point(section: str, name: str, distribution: str | None) -> Any:
    bundled = _short_names(section)
    if distribution in ("gunicorn", None) and name in bundled:
        # also true in a tree that was never installed, and where another gunicorn is
        module, _, attribute = bundled[name].replace(":", ".").rpartition(".")
        return import_name(module, attribute)
    import importlib.metadata  # 20 ms, and only third-party classes are found this way

    if distribution is None:
        found = list(importlib.metadata.entry_points(group=section, name=name))
    else:
        points = importlib.metadata.distribution(distribution).entry_points
        found = list(points.select(group=section, name=name))
    if not found:
        hint = nearest(name, bundled)
        raise LookupError(
            f"no entry point {name!r} in {section}" + (f", did you mean {hint!r}?" if hint else "")
        )
    return found[0].load()


def import_app(uri: str) -> Any:
    """The application that APP_MODULE names: ``MODULE``, ``MODULE:NAME``, ``MODULE:FACTORY(...)``.

    After the colon stand a name, attributes of it, and calls with literal arguments; without a
    colon it is ``application``. Raises AppImportError where the text is at fault. What the
    application's own code raises while it is imported or called is let through.
    """
    name, _, target = uri.partition(":")
    module = _import_app_module(name, target or "application")
    target = target.strip() or "application"
    if target.replace(".", "").isidentifier():
        app = _follow(module, target.split("."), uri)
    else:
        app = _evaluate(_parse_target(target, uri), module, uri)
    if app is None:
        raise AppImportError(f"Failed to find application object: {target!r} in {name!r} is None")
    if not callable(app):
        raise AppImportError(
            f"Application object must be callable. {uri!r} is a {type(app).__name__}"
        )
    return app


def _import_app_module(name: str, target: str) -> ModuleType:
    if not name:
        raise AppImportError(f"No module before the colon, give MODULE:{target}")
    if name.endswith(".py") and os.path.exists(name):
        module = name.removesuffix(".py").replace("/", ".").strip(".")
        raise AppImportError(f"Failed to find application, did you mean '{module}:{target}'?")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Missing is the module we were told to import or a package above it; anything else is an
        # import inside the application, whose traceback the user needs.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        looked_in = sys.path[0] or os.getcwd()
        raise AppImportError(
            f"No module named {error.name!r}: looked for {name!r} in {looked_in} "
            "and the Python path"
        ) from error
    except (TypeError, ValueError) as error:
        if name.isidentifier() or all(part.isidentifier() for part in name.split(".")):
            raise
        raise AppImportError(f"{name!r} is not a module name, give MODULE:{target}") from error
    return sys.modules[name]


def _follow(module: ModuleType, names: list[str], uri: str) -> Any:
    found: Any = module
    for name in names:
        found = _attribute(found, name, module, uri)
    return found


def _attribute(owner: Any, name: str, module: ModuleType, uri: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        pass
    where = repr(module.__name__) if owner is module else f"{type(owner).__name__} object"
    hint = ""
    if owner is module:
        public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
        usual = [key for key in ("application", "app", "wsgi_app", "wsgi") if key in public]
        guess = usual[0] if usual else nearest(name, public, cutoff=0.6)
        if guess is None and "create_app" in public:
            guess = "create_app()"
        hint = (
            f", did you mean '{module.__name__}:{guess}'?"
            if guess
            else f": name it as '{module.__name__}:NAME'"
        )
    raise AppImportError(f"Failed to find attribute {name!r} in {where}{hint}")


def _parse_target(target: str, uri: str) -> ast.expr:
    import ast  # most APP_MODULEs are plain names

    try:
        return ast.parse(target, mode="eval").body
    except SyntaxError:
        raise AppImportError(
            f"Failed to parse {target!r} in {uri!r} as an attribute name or function call"
        ) from None


def _evaluate(node: ast.expr, module: ModuleType, uri: str) -> Any:
    """Follow names, attributes and calls with literal arguments; nothing else is evaluated."""
    import ast

    if isinstance(node, ast.Name):
        return _attribute(module, node.id, module, uri)
    if isinstance(node, ast.Attribute):
        return _attribute(_evaluate(node.value, module, uri), node.attr, module, uri)
    if not isinstance(node, ast.Call):
        raise AppImportError(
            f"Failed to parse {ast.unparse(node)!r} in {uri!r} as an attribute name or "
            "function call"
        )
    function = _evaluate(node.func, module, uri)
    try:
        arguments = [ast.literal_eval(argument) for argument in node.args]
        keywords = {word.arg or "**": ast.literal_eval(word.value) for word in node.keywords}
    except ValueError:
        keywords = {"**": None}
    if "**" in keywords:
        raise AppImportError(
            f"Failed to parse the arguments in {ast.unparse(node)!r}: only literals are accepted"
        )
    try:
        return function(*arguments, **keywords)
    except TypeError as error:
        # No frame below ours: the call itself did not fit. Otherwise it is the factory's own error.
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
        raise AppImportError(f"Failed to call {ast.unparse(node)!r}: {error}") from error


# -- the rest --------------------------------------------------------------------------------------


def http_date(timestamp: float | None = None) -> str:
    """An IMF-fixdate (RFC 9110 section 5.6.7) of ``timestamp``, seconds since the epoch, or now."""
    import email.utils  # used per second at most

    return email.utils.formatdate(timestamp, usegmt=True)


def is_hoppish(name: str) -> bool:
    """Whether the field belongs to the server and an application may not send it (PEP 3333)."""
    return name.strip().lower() in HOP_HEADERS


def close_on_exec(descriptor: int) -> None:
    """Keep ``descriptor`` from programs that this process executes."""
    os.set_inheritable(descriptor, False)


def daemonize() -> None:
    """Continue in the background, see :func:`gunicorn.system.daemonize.detach`."""
    from gunicorn.system import daemonize  # few servers are daemons

    daemonize.detach()
    daemonize.tell_launcher(0)


def write(sock: socket.socket, data: bytes, chunked: bool = False) -> None:
    """Send all of ``data``, as one chunk of RFC 9112 section 7.1 when ``chunked``."""
    if chunked:
        write_chunk(sock, data)
    else:
        sock.sendall(data)


def write_chunk(sock: socket.socket, data: bytes) -> None:
    """Send ``data`` as one chunk; empty data ends the body."""
    sock.sendall(b"%X\r\n%b\r\n" % (len(data), data))
