"""People use the sites through nginx: they log in, send 5 MB, and get them back byte for byte."""

from __future__ import annotations

import json
import random

from integration import fleet as fleets
from integration.browser import Browser
from integration.machine import Machine

FILE = random.Random(17).randbytes(fleets.UPLOADED)


def test_django_session_with_login_upload_and_download(fleet: Machine) -> None:
    name, password = fleets.ADMIN
    with Browser(fleet, "shop.test") as browser:
        page = browser.get("/admin/")
        assert page.status == 302, page.body[:500]
        assert page.header("Location") == "/admin/login/?next=/admin/"

        form = browser.get("/admin/login/?next=/admin/")
        fields = {"username": name, "password": password, "next": "/admin/"}
        refused = browser.post("/admin/login/", fields)
        assert refused.status == 403, "a form without its CSRF token is refused"

        page = browser.post(
            "/admin/login/", fields | {"csrfmiddlewaretoken": form.hidden("csrfmiddlewaretoken")}
        )
        assert (page.status, page.header("Location")) == (302, "/admin/")
        assert "sessionid" in browser.cookies
        page = browser.get("/admin/")
        assert page.status == 200
        assert "Site administration" in page.text

        token = browser.get("/upload").hidden("csrfmiddlewaretoken")
        page = browser.upload("/upload", {"csrfmiddlewaretoken": token}, "five.bin", FILE)
        assert page.status == 200, page.body[:500]
        stored = json.loads(page.text)["name"]
        page = browser.get(f"/download/{stored}")
        assert page.status == 200
        assert page.header("Content-Length") == str(len(FILE))
        assert page.body == FILE
    assert (fleet.root / f"srv/shop/data/uploads/{stored}").read_bytes() == FILE

    with Browser(fleet, "shop.test") as stranger:
        assert stranger.get(f"/download/{stored}").status == 302, (
            "another visitor has no part in the session"
        )


def test_flask_session_with_login_upload_and_download(fleet: Machine) -> None:
    with Browser(fleet, "blog.test") as browser:
        assert browser.post("/login", {"name": "ann", "csrf": "guessed"}).status == 403
        token = browser.get("/login").hidden("csrf")
        page = browser.post("/login", {"name": "ann", "csrf": token})
        assert (page.status, page.header("Location")) == (302, "/")
        assert "ann" in browser.get("/").text

        page = browser.upload("/upload", {}, "five.bin", FILE, {"X-Csrf": token})
        assert page.status == 200, page.body[:500]
        stored = json.loads(page.text)["name"]
        page = browser.get(f"/download/{stored}")
        assert page.status == 200
        assert page.body == FILE

    with Browser(fleet, "blog.test") as stranger:
        assert stranger.get(f"/download/{stored}").status == 403


def test_chunked_upload_without_the_proxy(fleet: Machine) -> None:
    """nginx sends lengths; curl straight at the socket sends chunks."""
    done = fleet.output(
        "head -c 300000 /dev/zero | curl --silent --unix-socket /run/gunicorn/blog/socket "
        "-H 'Transfer-Encoding: chunked' -H 'X-Csrf: none' -F file=@- "
        "-o /dev/null -w '%{http_code}' http://blog.test/upload"
    )
    assert done == "403", "the application refuses it for its missing session"


def test_virtualenv_has_its_own_flask_and_no_gunicorn(fleet: Machine) -> None:
    with Browser(fleet, "blog.test") as browser:
        facts = json.loads(browser.get("/environment").text)
    assert facts["flask"] == fleets.FLASK
    assert fleet.output("dpkg-query -W -f '${Version}' python3-flask") != fleets.FLASK
    assert facts["flask_file"].startswith("/srv/blog/venv/lib/")
    assert facts["prefix"] == "/srv/blog/venv"
    assert not any(entry.startswith("/usr/lib/python3/dist-packages") for entry in facts["path"])
    assert (
        fleet.run("ls -d /srv/blog/venv/lib/python3*/site-packages/gunicorn*", check=None).stdout
        == ""
    )


def test_application_sees_the_visitor_not_the_proxy(fleet: Machine) -> None:
    with Browser(fleet, "shop.test") as browser:
        facts = json.loads(browser.get("/environment").text)
    assert facts["multiprocess"] is True
    assert facts["scheme"] == "http"
    assert facts["variables"].count("SHOP_SECRET") == 1
    for name in (
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "LISTEN_PID",
        "BLOG_SECRET",
    ):
        assert name not in facts["variables"]
