"""Bytes of an answer: status line, fields, Date, framing and error pages, all pure functions.

``wsgi.Response`` keeps the state of one answer; here is only what can be said without any.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from gunicorn import SERVER
from gunicorn.http import grammar
from gunicorn.http.errors import ResponseError
from gunicorn.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The interim answer to ``Expect: 100-continue`` (RFC 9110, 15.2.1).
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
#: The end of a chunked body (RFC 9112, 7.1).
LAST_CHUNK = b"0\r\n\r\n"

CONNECTION_CLOSE = b"\r\nConnection: close\r\n"
CONNECTION_KEEP_ALIVE = b"\r\nConnection: keep-alive\r\n"
CONNECTION_UPGRADE = b"\r\nConnection: upgrade\r\n"
CHUNKED_FIELD = b"Transfer-Encoding: chunked\r\n"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_date: tuple[int, bytes] = (-1, b"")

#: Fields of an application that are the server's business (RFC 9110, 7.6.1, and Server and Date).
_OURS = frozenset(
    [
        "connection",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ]
)
#: Header name as applications write it -> lower case, "" when it needs no attention. Applications
#: rarely make names up, but it is bounded all the same.
_NAMES: dict[str, str] = {}
#: status -> (code, bytes up to and with "Date: ") for HTTP/1.1
_STATUSES: dict[str, tuple[int, bytes]] = {}
_CACHE_MAX = 512
#: heads are larger, and applications whose fields always change fill their memory for nothing
_HEADS_MAX = 256


def http_date(now: float) -> str:
    """Return ``Sun, 22 Nov 2026 10:30:14 GMT`` for a wall-clock time (RFC 9110, 5.6.7)."""
    at = time.gmtime(now)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04d} "
        f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
    )


def date_bytes(now: float) -> bytes:
    """Return the Date value of ``now`` (wall clock, seconds), computed once a second."""
    global _date
    second = int(now)
    cached = _date
    if cached[0] != second:
        # one assignment of a tuple: threads see the old pair or the new one
        _date = cached = (second, http_date(second).encode("ascii"))
    return cached[1]


def parse_status(status: str) -> tuple[int, bytes]:
    """Return the code of ``"200 OK"`` and its head up to ``Date: ``, for an HTTP/1.1 answer.

    Raises ResponseError for what is no status or holds control characters (response splitting).
    """
    known = _STATUSES.get(status)
    if known is not None:
        return known
    if not isinstance(status, str):
        raise ResponseError(f"Status is not a string: {status!r}")
    code, blank, reason = status[:3], status[3:4], status[4:]
    if not (len(code) == 3 and code.isascii() and code.isdigit() and code >= "100"):
        raise ResponseError(f"Status does not begin with a three-digit code: {status!r}")
    if blank not in (" ", ""):
        raise ResponseError(f"No blank after the code of the status: {status!r}")
    line = _encode(f"HTTP/1.1 {code} {reason}", status)
    if grammar.FORBIDDEN_SEARCH(line):
        raise ResponseError(f"Control characters in the status: {status!r}")
    head = b"%b\r\nServer: %b\r\nDate: " % (line, SERVER.encode("ascii"))
    if len(_STATUSES) >= _CACHE_MAX:
        _STATUSES.clear()
    _STATUSES[status] = int(code), head
    return int(code), head


class Fields(NamedTuple):
    """The application's header list, checked: what is kept, its bytes, and what it decides."""

    kept: list[tuple[str, str]]
    #: complete lines, with CRLF
    block: bytes
    #: Content-Length, None when the application did not say or must not
    length: int | None
    #: the application asks for ``Connection: upgrade``
    upgrade: bool


class Head:
    """The head of an answer but for its Date and Connection: a status and header list, checked.

    Shared by answers that are alike: nobody may change one.
    """

    __slots__ = ("_made", "_status", "block", "code", "has_body", "kept", "length", "upgrade")

    def __init__(self, status: str, headers: Iterable[tuple[str, Any]]) -> None:
        """Raises ResponseError, see :func:`parse_status` and :func:`parse_response_fields`."""
        self.code, self._status = parse_status(status)
        fields = parse_response_fields(headers, self.code)
        self.kept, self.block, self.length, self.upgrade = fields
        #: whether body bytes follow unless the method is HEAD
        self.has_body = has_body("GET", self.code)
        #: what follows Date -> (the second it was made in, the bytes)
        self._made: dict[bytes, tuple[int, bytes]] = {}

    def to_bytes(self, connection: bytes) -> bytes:
        """Return all of the head for HTTP/1.1, with the empty line; made once a second.

        ``connection`` is what follows the Date: one of CONNECTION_..., perhaps CHUNKED_FIELD.
        """
        second = int(time.time())
        made = self._made.get(connection)
        if made is None or made[0] != second:
            date = date_bytes(second)
            text = b"%b%b%b%b\r\n" % (self._status, date, connection, self.block)
            made = self._made[connection] = second, text
        return made[1]


#: (status, *headers) -> what came of them. A look-up takes a tenth of the time of checking anew.
_HEADS: dict[tuple[Any, ...], Head] = {}


def parse_head(status: str, headers: Iterable[tuple[str, Any]]) -> Head:
    """Check what an application gave to start_response; remembered, for answers repeat it.

    Raises ResponseError, see :func:`parse_status` and :func:`parse_response_fields`.
    """
    if type(headers) is not list:
        return Head(status, headers)
    key = status, *headers
    try:
        known = _HEADS.get(key)
    except TypeError:  # a field that is a list, or holds one: odd, but it need not be refused
        return Head(status, headers)
    if known is None:
        known = Head(status, headers)
        # 1, 1.0 and True would be one key for three texts
        if all(type(name) is str and type(value) is str for name, value in headers):
            if len(_HEADS) >= _HEADS_MAX:
                _HEADS.clear()
            _HEADS[key] = known
    return known


def parse_response_fields(headers: Iterable[tuple[str, Any]], code: int) -> Fields:
    """Check and encode an application's headers (PEP 3333, "The start_response() Callable").

    Hop-by-hop fields, Server and Date are dropped, and Content-Length where the status ``code``
    forbids it; ``Connection: upgrade`` and ``Upgrade`` with it pass. Order and case are kept.

    Raises ResponseError for names that are no tokens, control characters (response splitting),
    text that is not latin-1, and bad Content-Lengths.
    """
    kept: list[tuple[str, str]] = []
    lines: list[str] = []
    length: int | None = None
    connection = ""
    upgrades: list[tuple[str, str]] = []
    for name, value in headers:
        kind = _NAMES.get(name) if type(name) is str else None
        if kind is None:
            kind = _judge_name(name)
        if type(value) is not str:
            value = _judge_value(name, value)
        value = value.strip(" \t")
        if kind:
            if kind == "content-length":
                if length is None and may_have_length(code):
                    kept.append((name, value))
                    lines.append(f"{name}: {value}\r\n")
                length = _parse_length(value, length)
            elif kind == "connection":
                connection = value
            elif kind == "upgrade":
                upgrades.append((name, value))
            continue
        kept.append((name, value))
        lines.append(f"{name}: {value}\r\n")
    upgrade = bool(connection) and "upgrade" in grammar.parse_list(connection)
    for name, value in upgrades:
        if upgrade or value.lower() == "websocket":
            kept.append((name, value))
            lines.append(f"{name}: {value}\r\n")
    text = "".join(lines)
    block = _encode(text, text)
    if len(block) - len(block.translate(None, grammar.FORBIDDEN)) != 2 * len(lines):
        raise ResponseError(f"Control characters in the response headers: {kept!r}")
    return Fields(kept, block, length if may_have_length(code) else None, upgrade)


def _judge_name(name: object) -> str:
    if not isinstance(name, str):
        raise ResponseError(f"Header name is not a string: {name!r}")
    if not grammar.is_token(name):
        raise ResponseError(f"Invalid header name: {name!r}")
    lower = name.lower()
    kind = lower if lower in _OURS or lower == "content-length" else ""
    if len(_NAMES) >= _CACHE_MAX:
        _NAMES.clear()
    _NAMES[str(name)] = kind
    return kind


def _judge_value(name: str, value: object) -> str:
    """Return numbers and other objects as text, which applications have always relied on."""
    if isinstance(value, (bytes, bytearray)):
        raise ResponseError(f"Value of header {name!r} is bytes, not a string: {value!r}")
    return str(value)


def _parse_length(value: str, previous: int | None) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ResponseError(f"Invalid Content-Length: {value!r}")
    length = int(value)
    if previous is not None and previous != length:
        raise ResponseError(f"Two different Content-Lengths: {previous} and {length}")
    return length


def _encode(text: str, what: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ResponseError(f"Not latin-1 (PEP 3333): {what!r}") from None


def has_body(method: str, code: int) -> bool:
    """Whether body bytes may follow the head (RFC 9110, 6.4.1)."""
    return method != "HEAD" and code >= 200 and code != 204 and code != 304


def may_have_length(code: int) -> bool:
    """Whether Content-Length may be sent (RFC 9110, 8.6); on HEAD and 304 it describes the GET."""
    return code >= 200 and code != 204


def chunk(data: bytes) -> bytes:
    """Return ``data`` (not empty) as one chunk."""
    return b"%X\r\n%b\r\n" % (len(data), data)


def informational(code: int, reason: str, headers: Iterable[tuple[str, Any]]) -> bytes:
    """Return an interim response such as 103 Early Hints; raises ResponseError."""
    fields = parse_response_fields(headers, code)
    line = _encode(f"HTTP/1.1 {code} {reason}", reason)
    if grammar.FORBIDDEN_SEARCH(line):
        raise ResponseError(f"Control characters in the status: {reason!r}")
    return b"%b\r\n%b\r\n" % (line, fields.block)


_PAGE = """\
<html>
  <head>
    <title>{reason}</title>
  </head>
  <body>
    <h1>{reason}</h1>
    {body}
  </body>
</html>
"""


def error_page(status: int, reason: str, message: str, *, traceback: str = "") -> bytes:
    """Return a whole response, head and html, that ends its connection.

    ``message`` and ``traceback`` are plain text, escaped here: they may quote what a client sent.
    Content-Length is exact. For a HEAD request use :func:`error_head`.
    """
    import html  # its table of all entities is large, and most workers write no such page

    body = f"<p>{html.escape(message)}</p>" if message else ""
    if traceback:
        body += f"\n    <h2>Traceback:</h2>\n    <pre>{html.escape(traceback)}</pre>"
    page = _PAGE.format(reason=html.escape(reason), body=body).encode("ascii", "xmlcharrefreplace")
    return error_head(status, reason, len(page)) + page


def error_head(status: int, reason: str, length: int = 0) -> bytes:
    """Return the head of an error page whose html has ``length`` bytes."""
    return (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: text/html\r\n"
        f"Content-Length: {length}\r\n"
        "\r\n"
    ).encode("latin-1", "replace")
