"""The public helpers: addresses, classes, applications."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gunicorn import util
from gunicorn.errors import AppImportError, ConfigError

ADDRESSES: list[tuple[str, Any]] = [
    ("localhost", ("localhost", 8000)),
    ("LocalHost:80", ("localhost", 80)),
    ("127.0.0.1:0", ("127.0.0.1", 0)),
    ("tcp://localhost:9", ("localhost", 9)),
    ("tcp://localhost", ("localhost", 8000)),
    ("", ("0.0.0.0", 8000)),
    (":80", ("", 80)),
    ("[::1]", ("::1", 8000)),
    ("[::1]:80", ("::1", 80)),
    ("tcp://[::]:80", ("::", 80)),
    ("[fe80::1%lo]:80", ("fe80::1%lo", 80)),
    ("unix:/run/x", "/run/x"),
    ("unix:x", "x"),
    ("unix:///run/x", "/run/x"),
    ("unix://run/x", "run/x"),
    ("fd://3", 3),
]

NO_ADDRESSES = [
    ("h:xx", "'xx' is not a valid port number."),
    ("h:", "'' is not a valid port number."),
    ("h:-1", "'-1' is not a valid port number."),
    ("h:65536", "'65536' is not a valid port number."),
    ("h:٣", "'٣' is not a valid port number."),
    ("::1", "put the IPv6 address in brackets"),
    ("[::1", "is not a valid IPv6 address"),
    ("[::1]x", "is not a valid IPv6 address"),
    ("[host]:80", "is not a valid IPv6 address"),
    ("8000", "write ':8000'"),
    ("a,b", "several addresses make a list"),
    ("/run/x", "is not a valid host name"),
    ("unix:", "has no path"),
    ("unix://", "has no path"),
    ("fd://x", "'x' is not a valid descriptor number."),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_address_is_parsed(text: str, address: Any) -> None:
    assert util.parse_address(text) == address


@pytest.mark.parametrize(("text", "reason"), NO_ADDRESSES)
def test_wrong_address_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        util.parse_address(text)
    assert reason in str(caught.value)


# -- classes ---------------------------------------------------------------------------------------


def test_class_stands_for_itself() -> None:
    assert util.load_class(dict) is dict


def test_class_by_import_path() -> None:
    assert util.load_class("collections.OrderedDict").__name__ == "OrderedDict"


def test_short_name_that_somebody_added_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from gunicorn import workers

    monkeypatch.setitem(workers.SUPPORTED_WORKERS, "mine", "collections.OrderedDict")
    for uri in ("mine", "#mine", "egg:gunicorn#mine"):
        assert util.load_class(uri).__name__ == "OrderedDict"
    assert util.load_class("egg:gunicorn", default="mine").__name__ == "OrderedDict"


def test_entry_point_of_another_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "plugdist-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugdist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gunicorn.workers]\nplugged = collections:OrderedDict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for uri in ("egg:plugdist#plugged", "plugged"):
        assert util.load_class(uri).__name__ == "OrderedDict"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("snyc", "did you mean 'sync'?"),
        ("egg:nodist#x", "PackageNotFoundError"),
        ("no.such.Class", "No module named 'no'"),
        ("collections.Nothing", "module 'collections' has no attribute 'Nothing'"),
    ],
)
def test_class_that_is_not_found_is_one_line(uri: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        util.load_class(uri)
    text = str(caught.value)
    assert text.startswith(f"class uri {uri!r} invalid or not found: ")
    assert reason in text
    assert "\n" not in text


# -- applications ----------------------------------------------------------------------------------

MODULE = """
def application(environ, start_response): pass

def app(environ, start_response): pass

def make(name, debug=False, *, sizes=()):
    app.made = (name, debug, sizes)
    return app

def broken_factory():
    raise TypeError("from inside")

def gives_none(): return None

def missing_import():
    import no_such_module_at_all

class Site:
    wsgi = staticmethod(app)
    def make(self): return app

site = Site()
nothing = None
number = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "appmodule.py").write_text(MODULE)
    (tmp_path / "bare.py").write_text("app = lambda environ, start_response: None\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "factory.py").write_text("def create_app(): return print\n")
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n")
    package = tmp_path / "apppackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "wsgi.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield "appmodule"
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("appmodule", "application"),
        ("appmodule:", "application"),
        ("appmodule:app", "app"),
        ("appmodule: app ", "app"),
        ("appmodule:site.wsgi", "app"),
        ("appmodule:site.make()", "app"),
        ("appmodule:make('x')", "app"),
        ("appmodule:make('x', debug=True, sizes=[1, {'a': (2, None)}])", "app"),
        ("appmodule:make(name='x')", "app"),
        ("apppackage.wsgi", "application"),
        ("apppackage.wsgi:app", "app"),
        ("bare:app", "<lambda>"),
        ("factory:create_app()", "print"),
    ],
)
def test_app_module_form(module: str, uri: str, name: str) -> None:
    assert util.import_app(uri).__name__ == name


def test_factory_gets_its_arguments(module: str) -> None:
    assert util.import_app("appmodule:make('x', -1, sizes=(1,))").made == ("x", -1, (1,))


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        (":app", "No module before the colon, give MODULE:app"),
        ("nowhere", "No module named 'nowhere'"),
        ("nowhere.deep:app", "No module named 'nowhere'"),
        ("apppackage.deep", "No module named 'apppackage.deep'"),
        ("appmodule.py", "did you mean 'appmodule:application'?"),
        ("appmodule.py:app", "did you mean 'appmodule:app'?"),
        ("apppackage/wsgi.py", "did you mean 'apppackage.wsgi:application'?"),
        ("..:app", "'..' is not a module name"),
        ("bare", "Failed to find attribute 'application' in 'bare', did you mean 'bare:app'?"),
        ("empty", "in 'empty': name it as 'empty:NAME'"),
        ("factory", "did you mean 'factory:create_app()'?"),
        ("appmodule:aplication", "did you mean 'appmodule:application'?"),
        ("appmodule:site.nothing", "Failed to find attribute 'nothing' in Site object"),
        ("appmodule:nothing", "Failed to find application object: 'nothing'"),
        ("appmodule:gives_none()", "Failed to find application object: 'gives_none()'"),
        ("appmodule:number", "Application object must be callable."),
        ("appmodule:make(", "Failed to parse 'make('"),
        ("appmodule:registry['web']", "as an attribute name or function call"),
        ("appmodule:app or site", "as an attribute name or function call"),
        ("appmodule:make(site)", "only literals are accepted"),
        ("appmodule:make(*['x'])", "only literals are accepted"),
        ("appmodule:make(**{'name': 'x'})", "only literals are accepted"),
        ("appmodule:make()", "Failed to call 'make()'"),
        ("appmodule:make('x', colour=1)", "unexpected keyword argument 'colour'"),
    ],
)
def test_app_module_that_leads_nowhere_is_one_line(module: str, uri: str, text: str) -> None:
    with pytest.raises(AppImportError) as caught:
        util.import_app(uri)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("broken", ModuleNotFoundError),
        ("appmodule:missing_import()", ModuleNotFoundError),
        ("appmodule:broken_factory()", TypeError),
    ],
)
def test_error_of_the_application_keeps_its_traceback(module: str, uri: str, error: Any) -> None:
    with pytest.raises(error) as caught:
        util.import_app(uri)
    assert Path(caught.traceback[-1].path).suffix == ".py"
    assert "util.py" not in str(caught.traceback[-1].path)


# -- the rest --------------------------------------------------------------------------------------


def test_http_date() -> None:
    assert util.http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("name", ["Connection", "transfer-encoding", " Upgrade", "Server", "Date"])
def test_fields_of_the_server(name: str) -> None:
    assert util.is_hoppish(name)
    assert not util.is_hoppish("content-type")


def test_nearest_name() -> None:
    names = ["timeout", "graceful_timeout", "workers"]
    assert util.nearest("tiemout", names) == "timeout"
    assert util.nearest("WORKERS", names) == "workers"
    assert util.nearest("database", names) is None


def test_chunk_on_the_wire() -> None:
    class Wire:
        sent = b""

        def sendall(self, data: bytes) -> None:
            self.sent += data

    wire: Any = Wire()
    util.write(wire, b"ab")
    util.write(wire, b"x" * 16, chunked=True)
    util.write_chunk(wire, b"")
    assert wire.sent == b"ab10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"
