"""Fixtures shared by all tests, and the import path: the checkout, not an installed copy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import Server
from tests.harness.fleet import Fleet


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Servers that the tests of a file share, each started when first asked for."""
    with Fleet() as servers:
        yield servers


@pytest.fixture(params=["tcp", "unix", "tls"])
def listener(request: pytest.FixtureRequest) -> str:
    """Each kind of listener in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def hello_server() -> Iterator[Server]:
    with Server("tests.apps.basic:hello") as server:
        yield server
