"""Rows about limits: one below, at, and one above each; and refusal before the end is seen."""

from __future__ import annotations

from tests.blackbox.case import Case, Profile, accept, message, refuse

SMALL = Profile(
    "small-limits",
    "limit_request_line = 40\nlimit_request_fields = 3\nlimit_request_field_size = 30",
)
NO_LIMITS = Profile("no-limits", "limit_request_line = 0\nlimit_request_field_size = 0")


def line_of(size: int) -> bytes:
    """Build a request whose request line is ``size`` bytes long, its CRLF not counted."""
    target = "/" + "a" * (size - len("GET / HTTP/1.1"))
    return message(f"GET {target} HTTP/1.1", "Host: a")


def field_of(size: int) -> bytes:
    """Build a request with one field line of ``size`` bytes, its CRLF counted."""
    value = "b" * (size - len("X-A: \r\n"))
    return message("GET / HTTP/1.1", "Host: a", f"X-A: {value}")


def fields_of(count: int) -> bytes:
    """Build a request with ``count`` field lines in all."""
    return message("GET / HTTP/1.1", "Host: a", *[f"X-{at}: b" for at in range(count - 1)])


def around(
    name: str, clause: str, build: object, limit: int, status: int, profile: Profile
) -> list[Case]:
    make = build  # a function of the size
    assert callable(make)
    return [
        accept(f"{name}-{limit}-minus-1", clause, make(limit - 1), profile=profile),
        accept(f"{name}-{limit}", clause, make(limit), profile=profile),
        refuse(f"{name}-{limit}-plus-1", clause, make(limit + 1), status, profile=profile),
    ]


DEFAULT = Profile("default")

LIMITS = [
    *around("line", "reference 4.3, RFC 9110 15.5.15", line_of, 4094, 414, DEFAULT),
    *around("fields", "reference 4.3, RFC 6585 5", fields_of, 100, 431, DEFAULT),
    *around("field-size", "reference 4.3, RFC 6585 5", field_of, 8190, 431, DEFAULT),
    *around("line", "setting limit_request_line", line_of, 40, 414, SMALL),
    *around("fields", "setting limit_request_fields", fields_of, 3, 431, SMALL),
    *around("field-size", "setting limit_request_field_size", field_of, 30, 431, SMALL),
    refuse("line-far-over", "reference x6", line_of(100_000), 414),
    refuse("field-far-over", "reference x7", field_of(100_000), 431),
    refuse("fields-far-over", "reference x9", fields_of(10_000), 431),
    accept("line-unlimited", "reference v24", line_of(10_000), profile=NO_LIMITS),
    accept("field-unlimited", "reference v24", field_of(10_000), profile=NO_LIMITS),
    accept(
        "limit-is-per-field",
        "reference 4.3",
        message("GET / HTTP/1.1", "Host: a", *[f"X-{at}: {'b' * 4000}" for at in range(20)]),
    ),
]

#: the end of the line, field or block never comes: the limit must be noticed without it
ENDLESS = [
    refuse("line-without-end", "reference 4.3, B#40", b"GET /" + b"a" * 5000, 414),
    refuse("junk-without-end", "reference 4.3, B#40", b"A" * 5000, (400, 414)),
    refuse("field-without-end", "B#40", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"b" * 9000, 431),
    refuse("name-without-end", "B#40", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X" * 9000, (400, 431)),
    refuse("fields-without-end", "B#40", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 101, 431),
    refuse("small-line-without-end", "B#40", b"GET /" + b"a" * 60, 414, profile=SMALL),
    refuse(
        "small-field-without-end",
        "B#40",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 60,
        431,
        profile=SMALL,
    ),
]

ROWS = {"limits": LIMITS, "endless": ENDLESS}
