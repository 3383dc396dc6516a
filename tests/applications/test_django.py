"""A Django project as people write them: login, sessions, CSRF, uploads, errors."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.browsers import Curl, Page, Requests, Urllib
from tests.harness.environments import Environment
from tests.harness.launcher import Launched, project
from tests.harness.server import ROOT

Browser = Curl | Requests | Urllib

ACCOUNT = {"username": "ada", "password": "correct horse"}

PREPARE = """
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
User.objects.create_user("ada", password="correct horse")
"""

#: small: in Django's memory; large: past its own bound and past ours, so in temporary files
SIZES = {"InMemoryUploadedFile": 1000, "TemporaryUploadedFile": 3_000_000}


@pytest.fixture(scope="module")
def server(frameworks: Environment) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", "-w", "2", "mysite.wsgi"]
    # a view that fails is logged by Django, with its traceback, on standard error
    allowed = ["a view that fails", "Traceback"]
    files = project("django_project")
    with Launched(frameworks.python, *command, files=files, expect_errors=allowed) as running:
        subprocess.run(
            [frameworks.python, "manage.py", "shell", "-c", PREPARE],
            cwd=running.directory,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            capture_output=True,
            timeout=120,
        )
        yield running


@pytest.fixture
def browser(server: Launched, browser_class: type[Browser], tmp_path: Path) -> Browser:
    host, port = server.address
    return browser_class(f"http://{host}:{port}", tmp_path)


def token_in(page: Page) -> dict[str, str]:
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
    assert found, page
    return {"csrfmiddlewaretoken": found[1].decode()}


def log_in(browser: Browser) -> None:
    page = browser.post("/login/", ACCOUNT | token_in(browser.get("/login/")))
    assert (page.status, page.path) == (200, "/")
    assert page.json()["user"] == "ada"


def test_login_session_and_logout(browser: Browser) -> None:
    assert browser.get("/").json() == {"user": "", "visits": 1}
    log_in(browser)
    # the session is the same whichever worker answers
    assert [browser.get("/").json()["visits"] for _ in range(4)] == [3, 4, 5, 6]
    page = browser.post("/logout/", token_in(browser.get("/upload/")))
    assert (page.path, page.json()) == ("/", {"user": "", "visits": 1})


def test_wrong_password(browser: Browser) -> None:
    wrong = ACCOUNT | {"password": "no"} | token_in(browser.get("/login/"))
    page = browser.post("/login/", wrong)
    assert (page.status, page.path) == (200, "/login/")
    assert browser.get("/").json()["user"] == ""


def test_post_without_token_is_refused(browser: Browser) -> None:
    browser.get("/login/")
    assert browser.post("/login/", ACCOUNT).status == 403
    assert browser.post("/login/", ACCOUNT | {"csrfmiddlewaretoken": "x" * 64}).status == 403


def test_page_for_the_known_leads_to_the_login(browser: Browser) -> None:
    assert browser.get("/upload/").path == "/login/"


@pytest.mark.parametrize("kind", SIZES)
def test_upload_and_download(browser: Browser, kind: str) -> None:
    log_in(browser)
    data = random.Random(kind).randbytes(SIZES[kind])
    token = token_in(browser.get("/upload/"))
    page = browser.post("/upload/", token, {"file": ("data.bin", data)})
    assert page.status == 200
    stored = page.json()
    assert stored["sha256"] == hashlib.sha256(data).hexdigest()
    assert (stored["name"], stored["kind"]) == ("data.bin", kind)
    assert browser.get(f"/download/{stored['id']}/").body == data


def test_view_that_fails(browser: Browser) -> None:
    assert browser.get("/broken").status == 500
    assert browser.get("/no/such/page").status == 404
    assert browser.get("/").status == 200
