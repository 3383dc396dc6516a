"""The request line: method, target, version (RFC 9112, 3). One line of text in, its parts out.

It knows no fields: what a target means beside a Host field is not decided here. (The path and the
query are the target's; HTTP_HOST stays the Host field as received, also beside an absolute target,
as applications have always seen it.)
"""

from __future__ import annotations

from gunicorn.http import errors, grammar
from gunicorn.http.limits import Policy

#: (method, uri, path, query, fragment, version)
RequestLine = tuple[str, str, str, str, str, tuple[int, int]]

_VERSIONS = {"HTTP/1.1": (1, 1), "HTTP/1.0": (1, 0)}

#: Lines seen lately, for clients ask for the same again and again: only such as every policy
#: allows. Clients choose them, so they are short and few: when full it starts over.
_LINES: dict[bytes, RequestLine] = {}
_LINES_MAX = 512
_LINE_LENGTH_MAX = 128


def read_request_line(line: bytes, policy: Policy) -> RequestLine:
    """As :func:`parse_request_line`, from bytes; remembers."""
    known = _LINES.get(line)
    if known is None:
        known = parse_request_line(line.decode("latin-1"), policy)
        if (
            len(line) <= _LINE_LENGTH_MAX
            and known[0] in grammar.METHODS
            and line.startswith(known[0].encode())
            and known[5] in _VERSIONS.values()
        ):
            if len(_LINES) >= _LINES_MAX:
                _LINES.clear()
            _LINES[line] = known
    return known


def parse_request_line(line: str, policy: Policy) -> RequestLine:
    """Parse ``METHOD SP TARGET SP VERSION`` (RFC 9112, 3), decoded as latin-1, without CRLF.

    Raises InvalidRequestLine, InvalidRequestMethod or InvalidHTTPVersion.
    """
    if not (line.isascii() and line.isprintable()):
        raise errors.InvalidRequestLine(line)
    try:
        method, target, http = line.split(" ")
    except ValueError:
        raise errors.InvalidRequestLine(line) from None
    if method not in grammar.METHODS:
        method = _judge_method(method, policy)
    if target[:1] == "/" and method != "CONNECT":
        rest = target
    else:
        rest = _judge_target(method, target, line)
    fragment = ""
    if "#" in rest:
        rest, _, fragment = rest.partition("#")
    path, _, query = rest.partition("?")
    version = _VERSIONS.get(http)
    if version is None:
        version = _judge_version(http, policy)
    return method, target, path, query, fragment, version


def _judge_method(method: str, policy: Policy) -> str:
    name = method.upper() if policy.casefold_http_method else method
    valid = (
        grammar.is_token
        if policy.permit_unconventional_http_method
        else grammar.is_conventional_method
    )
    if not valid(name):
        raise errors.InvalidRequestMethod(method)
    return name


def _judge_target(method: str, target: str, line: str) -> str:
    """Return what of a target not in origin-form stands for path and query (RFC 9112, 3.2)."""
    if method == "CONNECT":
        if grammar.match_authority_target(target):
            return ""
    elif target == "*":
        if method == "OPTIONS":
            return target
    elif match := grammar.match_absolute_target(target):
        rest = match[2]
        # RFC 9112, 3.2.4: without path, OPTIONS is about the server as a whole
        if not rest and method == "OPTIONS":
            return "*"
        return rest if rest.startswith("/") else "/" + rest
    raise errors.InvalidRequestLine(line)


def _judge_version(http: str, policy: Policy) -> tuple[int, int]:
    match = grammar.match_version(http)
    if match is None:
        raise errors.InvalidHTTPVersion(http)
    version = int(match[1]), int(match[2])
    if policy.permit_unconventional_http_version and version[0] == 1:
        return version
    raise errors.InvalidHTTPVersion(http, status=505)
