"""The frameworks and client libraries, in one environment that all these tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.applications.browsers import BROWSERS, Curl, Requests, Urllib
from tests.harness.environments import Environment, environment

REQUIREMENTS = ("django==5.2.*", "flask", "bottle", "pyramid", "setuptools<81", "requests", "h11")


@pytest.fixture(scope="session")
def frameworks() -> Environment:
    return environment(*REQUIREMENTS)


@pytest.fixture(scope="session")
def libraries(frameworks: Environment) -> Iterator[None]:
    """Make the client libraries importable here, behind everything of our own."""
    site = next((frameworks.path / "lib").glob("python*/site-packages"))
    sys.path.append(str(site))
    yield
    sys.path.remove(str(site))


@pytest.fixture(params=BROWSERS)
def browser_class(
    request: pytest.FixtureRequest, libraries: None
) -> type[Curl] | type[Requests] | type[Urllib]:
    found: type[Curl] | type[Requests] | type[Urllib] = BROWSERS[request.param]
    return found
