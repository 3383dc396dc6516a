"""The access log line: a format compiled once, and only the atoms it names computed per request.

A client chooses many of the values, so no value may end a field or a line: double quotes,
backslashes and control characters are escaped. A clean line is recognised as a whole, which costs
less than looking at each value.

This file knows requests and responses only by the attributes that the atoms read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from gunicorn.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    #: reads one atom of (resp, req, environ, request_time)
    Atom = Callable[[Any, Any, Mapping[str, Any], timedelta], str]

__all__ = ["AtomsMapping", "Format", "atoms", "escape"]

stamp = clock.Stamp(clock.access_stamp)

# Compiled when they are first needed: a start without an access log does not wait for them.
_CONVERSION = r"%(?:%|\((?P<name>[^()]*(?:\([^()]*\))?[^()]*)\)s)"
_UNSAFE = r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]'
_TICKS_PER_DAY = 86_400_000_000


def escape(value: str) -> str:
    r"""Make ``value`` harmless between double quotes, as Apache does: ``\"`` and ``\x0a``."""
    return re.sub(_UNSAFE, _escaped, value)


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return "\\" + char if char in '"\\' else f"\\x{ord(char):02x}"


# -- the atoms -------------------------------------------------------------------------------------


def microseconds(span: timedelta) -> int:
    """Give the whole of ``span`` in microseconds."""
    return span.days * _TICKS_PER_DAY + span.seconds * 1_000_000 + span.microseconds


def _from_environ(key: str) -> Atom:
    def atom(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
        return environ.get(key) or "-"

    return atom


def _user(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    scheme, _, token = (environ.get("HTTP_AUTHORIZATION") or "").partition(" ")
    if scheme.lower() != "basic":
        return "-"
    import base64  # few clients say who they are

    try:
        text = base64.b64decode(token.strip().encode("latin-1"), validate=True).decode("utf-8")
    except ValueError:  # binascii.Error is one
        return "-"
    return text.partition(":")[0] or "-"


def _request_line(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    get = environ.get
    return f"{get('REQUEST_METHOD', '-')} {get('RAW_URI', '-')} {get('SERVER_PROTOCOL', '-')}"


def _status(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    return status_of(resp)


def status_of(resp: Any) -> str:
    """Give the status code of an answer as text, a dash when it has none."""
    status = resp.status
    if isinstance(status, bytes):
        status = status.decode("latin-1")
    return str(status).split(None, 1)[0] if status else "-"


def _sent(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    return str(getattr(resp, "sent", None) or "-")


def _sent_or_zero(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    return str(getattr(resp, "sent", None) or 0)


def _microseconds(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    return str(microseconds(span))


def _dash(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
    return "-"


ATOMS: dict[str, Atom] = {
    "h": _from_environ("REMOTE_ADDR"),
    "l": _dash,
    "u": _user,
    "t": lambda resp, req, environ, span: stamp(),
    "r": _request_line,
    "m": _from_environ("REQUEST_METHOD"),
    "U": _from_environ("PATH_INFO"),
    "q": lambda resp, req, environ, span: environ.get("QUERY_STRING") or "",
    "H": _from_environ("SERVER_PROTOCOL"),
    "s": _status,
    "b": _sent,
    "B": _sent_or_zero,
    "f": _from_environ("HTTP_REFERER"),
    "a": _from_environ("HTTP_USER_AGENT"),
    "T": lambda resp, req, environ, span: str(microseconds(span) // 1_000_000),
    "M": lambda resp, req, environ, span: str(microseconds(span) // 1000),
    "D": _microseconds,
    "L": lambda resp, req, environ, span: f"{microseconds(span) / 1_000_000:.6f}",
    "p": lambda resp, req, environ, span: f"<{os.getpid()}>",
}


def _pairs_of(message: Any) -> list[tuple[Any, Any]]:
    # gevent's pywsgi hands over the bare list of pairs instead of a request.
    headers = message if isinstance(message, list) else getattr(message, "headers", None)
    if isinstance(headers, Mapping):
        return list(headers.items())
    return list(headers or ())


def _header(message: Any, name: str) -> str:
    found = [str(value) for key, value in _pairs_of(message) if str(key).lower() == name]
    return ",".join(found) or "-"


def _named(name: str) -> Atom:
    """Give the reader of the atom called ``name``; of an unknown one, a dash."""
    known = ATOMS.get(name)
    if known is not None:
        return known
    if name.startswith("{") and name[-2:] in ("}i", "}o", "}e"):
        wanted, lower = name[1:-2], name[1:-2].lower()
        if name.endswith("i"):
            return lambda resp, req, environ, span: _header(req, lower)
        if name.endswith("o"):
            return lambda resp, req, environ, span: _header(resp, lower)
        return lambda resp, req, environ, span: str(environ.get(wanted, "-"))
    return _dash


class Format:
    """A compiled ``access_log_format``. Raises ValueError when it is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        names: list[str] = []

        def place(match: re.Match[str]) -> str:
            if match["name"] is None:
                return "%%"
            names.append(match["name"])
            return "%s"

        template = re.sub(_CONVERSION, place, text)
        # What the pattern did not take must not look like a conversion to the operator below.
        try:
            template % tuple(names)
        except (TypeError, ValueError) as exc:
            raise ValueError(f"access_log_format {text!r}: {exc}") from exc
        self._template = template
        self._atoms = [_named(name) for name in names]
        self.names = names
        self._quotes = template.count('"')
        self._backslashes = template.count("\\")

    def line(self, resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> str:
        """Format one request."""
        values = tuple([atom(resp, req, environ, span) for atom in self._atoms])
        line = self._template % values
        if (
            line.isprintable()
            and line.count('"') == self._quotes
            and line.count("\\") == self._backslashes
        ):
            return line
        return self._template % tuple(map(escape, values))


class AtomsMapping(dict[str, object]):
    """The values of one request for a ``%`` format: escaped, and a dash for the unknown.

    The public ``atoms_wrapper_class``: subclasses of the logger replace it.
    """

    def __init__(self, atoms: Mapping[str, Any]) -> None:
        super().__init__()
        for key, value in atoms.items():
            self[key] = escape(value) if isinstance(value, str) else value

    def __missing__(self, key: str) -> str:
        if key.startswith("{"):
            value = super().get(key.lower())
            if value is not None:
                return str(value)
        return "-"


def atoms(resp: Any, req: Any, environ: Mapping[str, Any], span: timedelta) -> dict[str, Any]:
    """Give every atom of one request by name, headers and variables included, not escaped."""
    values: dict[str, Any] = {name: atom(resp, req, environ, span) for name, atom in ATOMS.items()}
    values.update({f"{{{str(key).lower()}}}i": str(value) for key, value in _pairs_of(req)})
    values.update({f"{{{str(key).lower()}}}o": str(value) for key, value in _pairs_of(resp)})
    values.update({f"{{{key.lower()}}}e": str(value) for key, value in environ.items()})
    return values
