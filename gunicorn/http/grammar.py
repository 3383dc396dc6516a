"""The grammar of RFC 9110 and 9112 as tables and regular expressions, and nothing else.

Strict where leniency is how requests are smuggled; each departure from the RFC says why. What few
requests need is a function, and compiled when it is first called: a start does not wait for it.
"""

from __future__ import annotations

import functools
import re

#: Control bytes no line of a head may hold: all of C0 but HTAB, and DEL. CR and LF are among them,
#: a line being what stands between two CRLF (RFC 9112, 2.2: a bare CR or LF is never a line end).
FORBIDDEN = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)
FORBIDDEN_SEARCH = re.compile(b"[" + re.escape(FORBIDDEN) + b"]").search

_TCHAR = r"!#$%&'*+\-.^_`|~0-9A-Za-z"
#: RFC 9110, 5.6.2
is_token = re.compile(f"[{_TCHAR}]+").fullmatch

#: Methods that need no closer look.
METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])


def is_conventional_method(method: str) -> re.Match[str] | None:
    """Match a token of 3 to 20 characters without lower-case letters or ``#``.

    So that a slipped byte of some other protocol is not taken for a method of an application.
    """
    return re.fullmatch(r"[!$%&'*+\-.^_`|~0-9A-Z]{3,20}", method)


#: RFC 9112, 2.3; single digits
match_version = re.compile(r"HTTP/([0-9])\.([0-9])").fullmatch

#: RFC 3986, 3.2.2, without the comma: "a,b" is what a proxy makes of two Host fields.
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*)"
#: RFC 9110, 7.2: uri-host [":" port]; an empty value is valid (the target has no authority).
match_host = re.compile(rf"({_HOST})(?::([0-9]*))?").fullmatch


def match_absolute_target(target: str) -> re.Match[str] | None:
    """Match RFC 9112, 3.2.2.

    A scheme without authority is no use to an origin server; user information is refused (RFC 9110,
    4.2.4: it disguises the host).
    """
    pattern = rf"https?://(?=[^/?#:])({_HOST}(?::[0-9]*)?)([/?#].*|)"
    return re.fullmatch(pattern, target, re.IGNORECASE)


def match_authority_target(target: str) -> re.Match[str] | None:
    """Match RFC 9112, 3.2.3."""
    return re.fullmatch(rf"(?=[^:])({_HOST}):([0-9]+)", target)


_TOKEN_BYTES = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED_BYTES = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'


def match_chunk_size(line: bytes) -> re.Match[bytes] | None:
    """Match RFC 9112, 7.1: chunk-size and its extensions.

    Sixteen digits hold every length there can be.
    """
    return _chunk_size().fullmatch(line)


@functools.cache
def _chunk_size() -> re.Pattern[bytes]:
    return re.compile(
        rb"([0-9A-Fa-f]{1,16})"
        rb"((?:[ \t]*;[ \t]*"
        + _TOKEN_BYTES
        + rb"(?:[ \t]*=[ \t]*(?:"
        + _TOKEN_BYTES
        + rb"|"
        + _QUOTED_BYTES
        + rb"))?)*)"
    )


def parse_list(value: str) -> list[str]:
    """Return the elements of a comma-separated field value, lower-cased, empty ones left out.

    RFC 9110, 5.6.1; for lists of tokens, where no element is quoted.
    """
    return [element for part in value.split(",") if (element := part.strip(" \t").lower())]
