"""Every limit at one below, at, and one above; and what settings make of a Policy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn.http.connection import Connection
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.http.limits import MAX_FIELDS, UNLIMITED_LINE, Policy
from tests.http.feeding import POLICY, STRANGER, play
from tests.http.test_requests import chunked, get


def line_of(size: int) -> bytes:
    return get(line=f"GET /{'a' * (size - len('GET / HTTP/1.1'))} HTTP/1.1")


def field_of(size: int) -> bytes:
    """One field line of ``size`` bytes with its CRLF."""
    return get(f"X: {'a' * (size - len('X: ') - 2)}")


def fields_of(count: int) -> bytes:
    return get(*[f"X-{number}: a" for number in range(count - 1)])


def trailers_of(count: int) -> bytes:
    return chunked(b"0\r\n" + b"X: a\r\n" * count + b"\r\n")


SMALL = Policy(limit_line=40, limit_fields=3, limit_field_size=30)
LIMITS = [
    pytest.param(line_of, 4094, POLICY, 414, id="line"),
    pytest.param(line_of, 40, SMALL, 414, id="small line"),
    pytest.param(field_of, 8190, POLICY, 431, id="field size"),
    pytest.param(field_of, 30, SMALL, 431, id="small field size"),
    pytest.param(fields_of, 100, POLICY, 431, id="fields"),
    pytest.param(fields_of, 3, SMALL, 431, id="few fields"),
    pytest.param(trailers_of, 100, POLICY, 431, id="trailers"),
    pytest.param(lambda n: get(f"A: {'a' * 10}", f" {'b' * (n - 18)}"), 60,
                 Policy(limit_field_size=60, permit_obsolete_folding=True), 431, id="folded field"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "limit", "policy", "status"), LIMITS)
def test_limit_is_exact(make: Any, limit: int, policy: Policy, status: int) -> None:
    for size in (limit - 1, limit):
        outcome = play([make(size)], policy)
        assert (outcome.error, len(outcome.requests)) == (None, 1), size
    assert play([make(limit + 1)], policy).status == status
    # byte by byte, the refusal comes no later than the first byte that is too much needs
    assert play((bytes([byte]) for byte in make(limit + 1)), policy).status == status
    assert play((bytes([byte]) for byte in make(limit)), policy).error is None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"A" * 4095, LimitRequestLine),
        (b"GET /" + b"a" * 4090, LimitRequestLine),
        (get()[:-2] + b"X: " + b"a" * 8186, LimitRequestHeaders),
        (get()[:-2] + b"X" * 8189, LimitRequestHeaders),
        (get()[:-2] + b"X: a\r\n" * 99 + b"X", LimitRequestHeaders),
    ],
    ids=["junk", "line", "field", "name", "fields"],
)
def test_limit_is_noticed_before_more_is_read(data: bytes, error: type[Exception]) -> None:
    connection = Connection(POLICY, STRANGER)
    connection.feed(data[:-1])
    assert connection.next_request() is None
    connection.feed(data[-1:])
    with pytest.raises(error):
        connection.next_request()


def test_no_limit_admits_what_ten_kilobytes_need() -> None:
    policy = Policy.from_config(config(limit_request_line=0, limit_request_field_size=0))  # v24
    assert play([line_of(10_000)], policy).error is None
    assert play([field_of(10_000)], policy).error is None


def config(**settings: Any) -> Any:
    defaults = {
        "limit_request_line": 4094,
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,
        "permit_obsolete_folding": False,
        "strip_header_spaces": False,
        "permit_unconventional_http_method": False,
        "permit_unconventional_http_version": False,
        "casefold_http_method": False,
        "forwarder_headers": ["SCRIPT_NAME", "PATH_INFO"],
        "header_map": "drop",
        "forwarded_allow_ips": ["127.0.0.1", "::1"],
        "secure_scheme_headers": {
            "X-FORWARDED-PROTOCOL": "ssl",
            "X-FORWARDED-PROTO": "https",
            "X-FORWARDED-SSL": "on",
        },
        "x_forwarded_for_header": "X-FORWARDED-FOR",
        "proxy_protocol": False,
        "proxy_allow_ips": ["127.0.0.1", "::1"],
        "is_ssl": False,
        "workers": 1,
    }
    return SimpleNamespace(**{**defaults, **settings})


@pytest.mark.parametrize(
    ("setting", "value", "attribute", "expected"),
    [
        ("limit_request_line", 0, "limit_line", UNLIMITED_LINE),
        ("limit_request_line", 9000, "limit_line", 8190),
        ("limit_request_fields", 0, "limit_fields", MAX_FIELDS),
        ("limit_request_fields", 99999, "limit_fields", MAX_FIELDS),
        ("limit_request_field_size", 0, "limit_field_size", UNLIMITED_LINE),
        ("limit_request_field_size", 8191, "limit_field_size", 8190),
        ("x_forwarded_for_header", "", "forwarded_for", ""),
        ("x_forwarded_for_header", None, "forwarded_for", ""),
        ("x_forwarded_for_header", "x-real-ip", "forwarded_for", "HTTP_X_REAL_IP"),
        ("secure_scheme_headers", {"x-Tls": "1"}, "scheme_headers", (("HTTP_X_TLS", "1"),)),
        ("forwarder_headers", ["remote_user"], "forwarder_headers", frozenset({"REMOTE_USER"})),
    ],
)
def test_setting_becomes_policy(setting: str, value: Any, attribute: str, expected: Any) -> None:
    assert getattr(Policy.from_config(config(**{setting: value})), attribute) == expected


def test_defaults_of_policy_are_those_of_the_manual() -> None:
    made = Policy.from_config(config())
    for name in Policy.__slots__:
        if name not in ("forwarders", "proxies", "cfg"):
            assert getattr(made, name) == getattr(POLICY, name), name
