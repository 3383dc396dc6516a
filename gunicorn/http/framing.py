"""The only judge of how long a request body is and whether its connection may live on.

Everything ambiguous is an error (RFC 9112, 6.1 and 6.3): what two parsers could read differently
is how requests are smuggled past a proxy.
"""

from __future__ import annotations

from gunicorn.http import errors, grammar

#: In place of a length: the body comes in chunks.
CHUNKED = -1

#: Longer numbers are no lengths of anything, and int() refuses to read them at some point.
_LENGTH_DIGITS = 18

Version = tuple[int, int]


def judge_body(content_length: str | None, transfer_encoding: str | None, version: Version) -> int:
    """Return the length of the body in bytes, 0 for none, or CHUNKED (RFC 9112, 6.3).

    ``transfer_encoding`` is all such fields joined with commas; Content-Length must have been
    single. Raises InvalidHeader (400) or UnsupportedTransferCoding (501).
    """
    if transfer_encoding is not None:
        return _judge_codings(transfer_encoding, content_length, version)
    if content_length is None:
        return 0
    # Digits only: int() alone would take signs, blanks, underscores and other alphabets' digits.
    if not (content_length.isascii() and content_length.isdigit()):
        raise errors.InvalidHeader("CONTENT-LENGTH", "not a number")
    if len(content_length) > _LENGTH_DIGITS:
        raise errors.InvalidHeader("CONTENT-LENGTH", "too large")
    return int(content_length)


def _judge_codings(transfer_encoding: str, content_length: str | None, version: Version) -> int:
    if version < (1, 1):
        # RFC 9112, 6.1: a message with Transfer-Encoding in HTTP/1.0 has faulty framing
        raise errors.InvalidHeader("TRANSFER-ENCODING", "not in HTTP/1.0")
    if content_length is not None:
        raise errors.InvalidHeader("CONTENT-LENGTH", "together with TRANSFER-ENCODING")
    codings = [element.strip(" \t").lower() for element in transfer_encoding.split(",")]
    for coding in codings:
        if coding == "identity" or not grammar.is_token(coding):
            # "identity" was withdrawn by RFC 7230; with parameters or empty it is just malformed
            raise errors.InvalidHeader("TRANSFER-ENCODING", "malformed")
    if codings.count("chunked") > 1 or ("chunked" in codings and codings[-1] != "chunked"):
        raise errors.InvalidHeader("TRANSFER-ENCODING", "chunked must be last and single")
    if codings != ["chunked"]:
        raise errors.UnsupportedTransferCoding(transfer_encoding)
    return CHUNKED


def judge_persistence(connection: str | None, version: Version) -> bool:
    """Whether the connection may carry another request after this one (RFC 9112, 9.3)."""
    if connection is not None:
        options = grammar.parse_list(connection)
        if "close" in options:
            return False
        if "keep-alive" in options:
            return True
    return version >= (1, 1)


def judge_expectation(expect: str | None, version: Version) -> bool:
    """Whether the client waits for ``100 Continue`` (RFC 9110, 10.1.1).

    An HTTP/1.0 client cannot read an interim response: its expectations are ignored. Raises
    ExpectationFailed for any other expectation.
    """
    if expect is None or version < (1, 1):
        return False
    if expect.lower() != "100-continue":
        raise errors.ExpectationFailed(expect)
    return True
