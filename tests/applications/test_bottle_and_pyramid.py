"""Bottle and Pyramid applications, asked by curl, requests and urllib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.browsers import Curl, Requests, Urllib
from tests.harness.environments import Environment
from tests.harness.launcher import Launched

Browser = Curl | Requests | Urllib


@pytest.fixture(scope="module")
def bottle(frameworks: Environment) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", "tests.apps.frameworks.bottle_app"]
    files = {"page.html": "<h1>a page</h1>"}
    with Launched(frameworks.python, *command, files=files) as running:
        yield running


@pytest.fixture(scope="module")
def pyramid(frameworks: Environment) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", "tests.apps.frameworks.pyramid_app:make()"]
    with Launched(frameworks.python, *command) as running:
        yield running


def browse(server: Launched, browser_class: type[Browser], directory: Path) -> Browser:
    host, port = server.address
    return browser_class(f"http://{host}:{port}", directory)


def test_bottle(bottle: Launched, browser_class: type[Browser], tmp_path: Path) -> None:
    browser = browse(bottle, browser_class, tmp_path)
    assert browser.get("/hello/J%C3%BCrgen").body.decode() == "Hello Jürgen!"
    assert browser.post("/form", {"word": "Grüße & mehr"}).json() == {"word": "Grüße & mehr"}
    assert browser.get("/seen").json() == {"seen": "Grüße & mehr"}
    assert browser.get("/static/page.html").body == b"<h1>a page</h1>"
    assert browser.get("/static/../bottle_app.py").status in (403, 404)
    assert browser.get("/teapot").status == 418
    assert browser.get("/nothing").status == 404


def test_pyramid(pyramid: Launched, browser_class: type[Browser], tmp_path: Path) -> None:
    browser = browse(pyramid, browser_class, tmp_path)
    page = browser.get("/hello/you?a=1&b=%2F")
    assert page.json() == {"hello": "you", "query": {"a": "1", "b": "/"}}
    page = browser.get("/moved")
    assert (page.path, page.json()["hello"]) == ("/hello/there", "there")
    assert browser.get("/pieces").body == b"".join(b"piece %d\n" % number for number in range(5))
    assert browser.get("/nothing").status == 404
