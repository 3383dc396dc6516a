"""The classes that stand on a library, with its newest release, in an environment of their own.

With Debian's releases the same is tried on machines, by integration/test_worker_classes.py.
"""

from __future__ import annotations

import hashlib
import random
import signal
from collections.abc import Iterator

import pytest

from tests.blackbox.case import get, post
from tests.harness.environments import Environment, environment
from tests.harness.launcher import Launched

UPLOAD = random.Random(6).randbytes(3_000_000)
DIGEST = hashlib.sha256(UPLOAD).hexdigest().encode()

#: worker class and application, and the library
KINDS = {
    ("gevent", "application"): "gevent",
    ("gevent_pywsgi", "application"): "gevent",
    ("eventlet", "application"): "eventlet",
    ("tornado", "application"): "tornado",
    ("tornado", "native"): "tornado",
}


@pytest.fixture(scope="module")
def newest() -> Environment:
    return environment("gevent", "eventlet", "tornado")


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def server(request: pytest.FixtureRequest, newest: Environment) -> Iterator[Launched]:
    kind, name = request.param
    words = ["-m", "gunicorn", "--bind", "{bind}", "-k", kind, f"tests.apps.kinds:{name}"]
    with Launched(newest.python, *words) as launched:
        launched.kind = KINDS[request.param]  # type: ignore[attr-defined]
        yield launched


def test_page_and_pair_and_upload(server: Launched) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.send(get())
            assert connection.read_response().body == b"hello"
        connection.send(post(UPLOAD, f"Content-Length: {len(UPLOAD)}"))
        assert connection.read_response("POST").body == DIGEST
    assert server.kind in server.get("/which").body.decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "said"),
    [("/dns", b"gaierror"), ("/subprocess", b"piped 0 3"), ("/sleep", b"slept")],
)
def test_standard_library_works(server: Launched, path: str, said: bytes) -> None:
    """What is patched, and what stands on it, does for an application what it always did."""
    response = server.get(path)
    assert (response.status, response.body) == (200, said), server.log_text()


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_graceful_stop(newest: Environment, kind: str, name: str) -> None:
    words = ["-m", "gunicorn", "--bind", "{bind}", "-k", kind, f"tests.apps.kinds:{name}"]
    with (
        Launched(newest.python, *words, env={"STATE": "."}) as server,
        server.connect() as connection,
    ):
        with server.log_contains("arrived"):
            connection.send(get(target="/wait"))
        with server.log_contains("Handling signal: term"):
            server.signal(signal.SIGTERM)
        (server.directory / "go.test").touch()
        assert connection.read_response().body == b"hello"
        assert server.wait() == 0
