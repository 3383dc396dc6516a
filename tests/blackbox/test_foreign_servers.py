"""The rows that apply where somebody else's HTTP server serves: valid requests are understood.

What those servers refuse all the same is named here. What they accept and ours refuses is in the
table of ``test_worker_support``.
"""

from __future__ import annotations

import pytest

from tests.blackbox import support, test_requests
from tests.blackbox.case import DEFAULT, Case
from tests.harness import NoResponse, Server
from tests.harness.classes import flags

VALID = [
    case
    for case in test_requests.CASES.values()
    if case.profile is DEFAULT and case.statuses == (200,)
]
#: names of groups of rows that a server refuses although they are valid
REFUSED = {
    "gevent_pywsgi": {"one-empty-line-before", "bad-blank-before-extension", "fields-100"},
    "tornado.web": {
        "extension",
        "extensions",
        "quoted-extension",
        "bad-blank-before-extension",
        "two",
        "never-framing",
        "never-trusted",
        "limit-is-per-field",
    },
}


@pytest.mark.parametrize("title", REFUSED)
def test_valid_requests_are_understood(title: str) -> None:
    column = next(column for column in support.COLUMNS if column.title == title)
    flags(column.kind)
    with column.serve(support.ECHO, "--keep-alive", "60") as server:
        refused = {case.id for case in VALID if not is_understood(server, case, column)}
    assert refused <= REFUSED[title]


def is_understood(server: Server, case: Case, column: support.Column) -> bool:
    with server.connect() as connection:
        connection.send(case.data)
        try:
            response = connection.read_response(test_requests.method_of(case.data))
        except NoResponse:
            return False
    if column.is_native:
        # It has been asked for a page or a method that it does not have.
        return response.status in (200, 404, 405)
    if response.status == 200 and case.body is not None:
        assert response.json()["body"].encode("latin-1") == case.body, case.id
    return response.status == 200
