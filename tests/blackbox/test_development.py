"""What a developer turns on: reload, debug, spew; as seen on a real server."""

from __future__ import annotations

import pytest

from tests.harness import Server

ANSWER = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"%s"]
"""
FAILS = """\
def application(environ, start_response):
    raise ValueError("<secret> of the shop")
"""


def answer(text: str) -> str:
    return ANSWER % text


def edit(server: Server, name: str, text: str) -> None:
    """Change a file as an editor does, and return when its workers have been replaced."""
    before = server.worker_pids()
    start = server.log_position()
    new = server.directory / "new.test"
    new.write_text(text)
    # The clock of the file system is coarse: the new file is another one by its inode.
    new.rename(server.directory / name)
    server.wait_log("Worker reloading: ", start=start, count=len(before))
    server.wait_log("Booting worker with pid: ", start=start, count=len(before))
    for pid in before:
        server.wait_gone(pid)


@pytest.mark.parametrize("engine", ["auto", "poll", "inotify"])
def test_new_code_is_served(engine: str) -> None:
    files = {"shop.py": "from part import application\n", "part.py": answer("one")}
    with Server("shop:application", "--reload", "--reload-engine", engine, files=files) as server:
        assert server.get().body == b"one"
        edit(server, "part.py", answer("two"))
        assert server.get().body == b"two"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("def application(:\n", b"SyntaxError"),
        ("import no_such_module_yet\n", b"ModuleNotFoundError: No module named"),
        ("raise SystemExit('not today')\n", b"SystemExit: not today"),
        ("application = None\n", b"AppImportError"),
    ],
)
def test_code_that_cannot_be_loaded_is_shown_and_survived(text: str, shown: bytes) -> None:
    files = {"shop.py": answer("one")}
    expected = ["The application cannot be loaded"]
    with Server("shop:application", "--reload", files=files, expect_errors=expected) as server:
        edit(server, "shop.py", text)
        response = server.get()
        assert response.status == 500
        assert shown in response.body
        edit(server, "shop.py", answer("two"))
        assert server.get().body == b"two"


def test_start_with_code_that_cannot_be_loaded() -> None:
    files = {"shop.py": "import shop_settings\n" + answer("one")}
    expected = ["The application cannot be loaded"]
    with Server("shop:application", "--reload", files=files, expect_errors=expected) as server:
        assert b"No module named 'shop_settings'" in server.get().body
        # The file that was missing is enough.
        edit(server, "shop_settings.py", "")
        assert server.get().body == b"one"
        (server.directory / "shop_settings.py").rename(server.directory / "x.test")


def test_extra_files_are_watched() -> None:
    files = {"shop.py": answer("one"), "page.html": "x"}
    with Server(
        "shop:application", "--reload", "--reload-extra-file", "page.html", files=files
    ) as server:
        edit(server, "page.html", "y")
        assert server.get().body == b"one"


def test_debug_shows_tracebacks_and_has_one_worker() -> None:
    with Server(
        "shop:application", "--debug", "-w", "3", files={"shop.py": FAILS}, expect_errors=True
    ) as server:
        response = server.get()
        assert response.status == 500
        assert b"ValueError: &lt;secret&gt; of the shop" in response.body
        assert b"shop.py" in response.body
        assert len(server.worker_pids()) == 1


def test_without_debug_nothing_is_shown() -> None:
    with Server("shop:application", files={"shop.py": FAILS}, expect_errors=True) as server:
        response = server.get()
        assert response.status == 500
        assert b"secret" not in response.body
        assert b"Traceback" not in response.body


def test_spew_prints_what_is_executed() -> None:
    with Server("shop:application", "--spew", files={"shop.py": answer("one")}) as server:
        start = server.log_position()
        assert server.get().body == b"one"
        server.wait_log('shop:2:     start_response("200 OK"', start=start)


def test_daemon_keeps_its_output_where_asked() -> None:
    with Server("shop:application", "--daemon", "-R", files={"shop.py": answer("one")}) as server:
        assert server.get().body == b"one"
        server.wait_log("Booting worker with pid: ", start=0)
