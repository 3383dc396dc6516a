"""What can be wrong with a request, each error with the status it is answered with.

Rules: an error is built where the fact is known, and carries its status, so that nobody above has
to sort errors by class to find one. The class names and texts are those of the manual's error
pages and of the log lines that tools match.

Whatever a client sends ends in a :class:`ProtocolError`, never in another exception. This module
knows nothing of how errors are logged or sent; ``response.error_page`` renders them.
"""

# ruff: noqa: N818 (the names without "Error" are public, and older than the rule)
from __future__ import annotations

#: the reason phrases of the statuses a server gives by itself (RFC 9110, 15)
REASONS: dict[int, str] = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class ProtocolError(Exception):
    """The client (or the proxy before it) broke the protocol; the connection cannot be reused.

    ``status`` and ``reason`` make the status line, ``message`` is the paragraph of the error page
    (plain text, not yet escaped) and ``str(error)`` is what the log says.
    """

    status = 400

    @property
    def reason(self) -> str:
        return REASONS[self.status]

    @property
    def message(self) -> str:
        return str(self)


class NoMoreData(ProtocolError, OSError):
    """The peer closed in the middle of a head or a body. There is nobody left to answer."""

    def __init__(self, what: str = "request") -> None:
        super().__init__(f"No more data after an unfinished {what}")


class InvalidRequestLine(ProtocolError):
    def __init__(self, line: str) -> None:
        super().__init__(f"Invalid HTTP request line: {line!r}")

    @property
    def message(self) -> str:
        return f"Invalid Request Line '{self}'"


class InvalidRequestMethod(ProtocolError):
    def __init__(self, method: str) -> None:
        super().__init__(f"Invalid HTTP method: {method!r}")

    @property
    def message(self) -> str:
        return f"Invalid Method '{self}'"


class InvalidHTTPVersion(ProtocolError):
    """Not ``HTTP/1.0`` or ``HTTP/1.1``: 505 when it names another version, 400 when it is none."""

    def __init__(self, version: str, status: int = 400) -> None:
        super().__init__(f"Invalid HTTP Version: {version!r}")
        self.status = status

    @property
    def message(self) -> str:
        return f"Invalid HTTP Version '{self}'"


class InvalidHeader(ProtocolError):
    def __init__(self, header: str, why: str = "") -> None:
        # A bare LF in it must not begin a line of the log, nor an escape sequence reach a terminal.
        shown = header if header.isprintable() else repr(header)[1:-1]
        super().__init__(f"Invalid HTTP Header: {shown}" + (f" ({why})" if why else ""))


class InvalidHeaderName(ProtocolError):
    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid HTTP header name: {name!r}")


class LimitRequestLine(ProtocolError):
    status = 414

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"Request Line is too large ({size} > {limit})")


class LimitRequestHeaders(ProtocolError):
    status = 431

    @property
    def message(self) -> str:
        return f"Error parsing headers: '{self}'"


class UnsupportedTransferCoding(ProtocolError):
    """A transfer coding other than ``chunked`` (RFC 9112, 6.1)."""

    status = 501

    def __init__(self, coding: str) -> None:
        super().__init__(f"Unsupported transfer coding: {coding!r}")


class ExpectationFailed(ProtocolError):
    """An expectation other than ``100-continue`` (RFC 9110, 10.1.1)."""

    status = 417

    def __init__(self, expectation: str) -> None:
        super().__init__(f"Unknown expectation: {expectation!r}")


class InvalidSchemeHeaders(ProtocolError):
    """The ``secure_scheme_headers`` of one request contradict each other."""

    def __init__(self) -> None:
        super().__init__("Contradictory scheme headers")


class ScriptNameMismatch(ProtocolError):
    """The path is not under SCRIPT_NAME: proxy and server are configured against each other."""

    status = 500

    def __init__(self, path: str, script_name: str) -> None:
        super().__init__(
            f"Configuration error: path {path!r} is not under SCRIPT_NAME {script_name!r}"
        )

    @property
    def message(self) -> str:
        return ""  # the deployment is nobody's business but the log's


class InvalidProxyLine(ProtocolError):
    def __init__(self, line: str, why: str = "") -> None:
        super().__init__(f"Invalid PROXY line: {f'{why} ' if why else ''}{line!r}")


class ForbiddenProxyRequest(ProtocolError):
    status = 403

    def __init__(self, host: str) -> None:
        super().__init__(f"Proxy request from {host!r} not allowed")

    @property
    def message(self) -> str:
        return "Request forbidden"


class InvalidChunkSize(ProtocolError, OSError):
    """A chunk-size line that is none; an ``OSError`` as well, for it surfaces in ``read()``."""

    def __init__(self, line: bytes) -> None:
        super().__init__(f"Invalid chunk size: {line!r}")


class ChunkMissingTerminator(ProtocolError, OSError):
    """No CRLF after the data of a chunk."""

    def __init__(self, found: bytes) -> None:
        super().__init__(f"Invalid chunk terminator is not '\\r\\n': {found!r}")


class ResponseError(Exception):
    """The application asked for a response that must not be sent (500 while that is possible)."""


class ClientDisconnected(ConnectionError):
    """The peer is gone; raised by a sink's ``send`` and thus through ``write()``."""
