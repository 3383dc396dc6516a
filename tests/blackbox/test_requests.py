"""Plays every row of the tables over real sockets: each listener, each way of feeding.

``whole`` sends the sample at once, ``bytewise`` one byte a packet, ``trailing`` with the next
request right behind it, ``split`` in two pieces cut at every offset on TCP (at a spread of offsets
elsewhere, and when it is long).
Each row is also asked for the fate of its connection: kept means that the next request on it is
answered, closed means that nothing follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.blackbox import rows_environ, rows_fields, rows_framing, rows_limits, rows_line
from tests.blackbox.case import Case, Fate, get
from tests.harness import Connection, Response, Server
from tests.harness.fleet import Fleet

TABLES = (rows_line, rows_fields, rows_framing, rows_limits, rows_environ)
CASES = {
    f"{group}-{case.id}": case
    for table in TABLES
    for group, rows in table.ROWS.items()
    for case in rows
}

#: these rows must be refused although nothing more comes, so nothing may be sent behind them
NOTHING_BEHIND = {f"endless-{case.id}" for case in rows_limits.ENDLESS}

SENTINEL = get(target="/app/sentinel")
#: samples up to this size are cut at every offset, longer ones at a spread of offsets
SHORT = 110
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")

Feed = Callable[[Server, Case], None]


def test_every_row_has_a_name_of_its_own() -> None:
    rows = [case for table in TABLES for group in table.ROWS.values() for case in group]
    assert len(rows) == len(CASES)
    assert len(rows) >= 250
    assert all(case.clause for case in rows)


# -- what a response must be -----------------------------------------------------------------------


def method_of(data: bytes) -> str:
    return data.lstrip(b"\r\n").split(b" ", 1)[0].decode("latin-1")


def check_response(case: Case, response: Response) -> None:
    assert response.status in case.statuses, f"{case.clause}: {response}"
    expected = "close" if case.fate is Fate.CLOSE else "keep-alive"
    assert response.get("Connection") == expected, f"{case.clause}: {response.fields}"
    date = response.get("Date")
    assert date is None or DATE.fullmatch(date)
    if response.status == 200:
        check_served(case, response)
    else:
        check_error_page(response)


def check_served(case: Case, response: Response) -> None:
    assert response.get("Server") == "gunicorn"
    assert response.get("Date") is not None, "RFC 9110 6.6.1"
    seen = response.json()
    for key, value in case.environ.items():
        assert seen.get(key) == value, f"{case.clause}: {key}"
    for key in case.absent:
        assert key not in seen, f"{case.clause}: {key} = {seen[key]!r}"
    if case.body is not None:
        assert seen["body"].encode("latin-1") == case.body, case.clause


def check_error_page(response: Response) -> None:
    """Hold the fixed shape of reference 4.13."""
    assert response.framing == "length"
    content_type = response.get("Content-Type")
    assert content_type is not None and content_type.startswith("text/html")
    assert f"<h1>{response.reason}".encode() in response.body
    assert b"Traceback" not in response.body


def check_fate(case: Case, connection: Connection, *, sent_next: bool = False) -> None:
    """Hold that the connection is kept and in step, or that nothing follows on it."""
    if case.fate is Fate.CLOSE:
        assert connection.read_to_end() == b"", f"{case.clause}: something followed"
        return
    if not sent_next:
        assert connection.send(SENTINEL), f"{case.clause}: closed"
    follow_up = connection.read_response("GET")
    assert follow_up.status == 200
    assert follow_up.json()["RAW_URI"] == "/app/sentinel", f"{case.clause}: out of step"
    assert follow_up.json()["body"] == ""


# -- the ways of feeding ---------------------------------------------------------------------------


def feed_whole(server: Server, case: Case) -> None:
    with server.connect() as connection:
        connection.send(case.data)
        check_response(case, connection.read_response(method_of(case.data)))
        check_fate(case, connection)


def feed_bytewise(server: Server, case: Case) -> None:
    with server.connect() as connection:
        head, middle, tail = case.data[:500], case.data[500:-500], case.data[-500:]
        if len(case.data) <= 1000:
            connection.send_bytewise(case.data)
        elif connection.send_bytewise(head):
            # what is long is long by repetition: big steps between head and tail will do
            connection.send_pieces([middle[at : at + 997] for at in range(0, len(middle), 997)])
            connection.send_bytewise(tail)
        check_response(case, connection.read_response(method_of(case.data)))
        check_fate(case, connection)


def feed_trailing(server: Server, case: Case) -> None:
    with server.connect() as connection:
        connection.send(case.data + SENTINEL)
        check_response(case, connection.read_response(method_of(case.data)))
        check_fate(case, connection, sent_next=True)


def feed_split(server: Server, case: Case) -> None:
    size = len(case.data)
    # the parser does not know the kind of listener: every offset on one of them is enough
    is_every = size <= SHORT and server.bind == "tcp"
    cuts = range(1, size) if is_every else sorted({1, size - 1, *range(7, size, max(1, size // 8))})
    connection = server.connect()
    try:
        for at in cuts:
            connection.send(case.data[:at])
            connection.send(case.data[at:])
            check_response(case, connection.read_response(method_of(case.data)))
            if case.fate is Fate.CLOSE or case.is_first_only:
                check_fate(case, connection)
                connection.close()
                connection = server.connect()
    finally:
        connection.close()


FEEDS: dict[str, Feed] = {
    "whole": feed_whole,
    "bytewise": feed_bytewise,
    "trailing": feed_trailing,
    "split": feed_split,
}


PLAYS = [
    pytest.param(listener, name, feed, id=f"{name}-{listener}-{feed}")
    for name, case in CASES.items()
    for listener in case.profile.listeners
    for feed in FEEDS
    if not (feed == "trailing" and name in NOTHING_BEHIND)
]


@pytest.mark.parametrize(("listener", "name", "feed"), PLAYS)
def test_row(fleet: Fleet, listener: str, name: str, feed: str) -> None:
    case = CASES[name]
    FEEDS[feed](case.profile.serve(fleet, listener, "tests.apps.basic:echo"), case)
