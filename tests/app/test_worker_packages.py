"""Worker classes of other packages, as released: they find every name they need, and serve."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.harness.environments import Environment, environment
from tests.harness.launcher import Launched
from tests.harness.server import CERTIFICATE, KEY, ROOT

CLASSES = {
    "uvicorn.workers.UvicornWorker": "tests.apps.asgi:hello",
    "uvicorn.workers.UvicornH11Worker": "tests.apps.asgi:hello",
    "uvicorn_worker.UvicornWorker": "tests.apps.asgi:hello",
    "uvicorn_worker.UvicornH11Worker": "tests.apps.asgi:hello",
    "aiohttp.GunicornWebWorker": "tests.apps.asgi:make_aiohttp",
    "aiohttp.GunicornUVLoopWebWorker": "tests.apps.asgi:make_aiohttp",
}


@pytest.fixture(scope="module")
def asynchronous() -> Environment:
    return environment("uvicorn", "uvicorn-worker", "aiohttp", "uvloop", "httptools")


@pytest.mark.parametrize("listener", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("uri", CLASSES)
def test_worker_serves_and_is_replaced(asynchronous: Environment, uri: str, listener: str) -> None:
    tls = ["--certfile", CERTIFICATE, "--keyfile", KEY] if listener == "tls" else []
    command = ["-m", "gunicorn", "--bind", "{bind}", *tls, "-k", uri, CLASSES[uri]]
    with Launched(asynchronous.python, *command, bind=listener) as server:
        assert server.get().body.startswith(b"hello from ")
        # a reload on one kind of listener says it for all
        if listener == "tcp":
            with server.log_contains("Reloaded: generation 2"):
                server.signal(signal.SIGHUP)
            assert server.get().body.startswith(b"hello from ")


@pytest.mark.parametrize("module", ["uvicorn.workers", "uvicorn_worker", "aiohttp.worker"])
def test_package_imports_every_name_it_needs(asynchronous: Environment, module: str) -> None:
    done = subprocess.run(
        [asynchronous.python, "-W", "ignore", "-c", f"import {module}"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
