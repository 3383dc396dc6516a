"""The WebSocket examples, spoken to by the package websocket-client.

Every class that can hold a WebSocket: one connection says several things, of every size that has a
frame of its own; others come and go beside it; a graceful stop and a quick one end it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.harness import Server
from tests.harness.environments import Environment, environment
from tests.harness.launcher import Launched
from tests.harness.server import CERTIFICATE, DEADLINE, KEY, ROOT

EXAMPLES = ROOT / "examples" / "websocket"
GEVENT_WEBSOCKET = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
#: worker class -> the example
ECHOES = {
    "gevent": "echo_socket",
    "eventlet": "echo_socket",
    GEVENT_WEBSOCKET: "echo_geventwebsocket",
    "tornado": "echo_tornado",
    "uvicorn_worker.UvicornWorker": "echo_starlette",
    "aiohttp.GunicornWebWorker": "echo_aiohttp",
}
#: those with something to do at their start and end
LIVING = [kind for kind, name in ECHOES.items() if name in ("echo_starlette", "echo_aiohttp")]
#: around each length at which frames are written differently, and beyond what a read takes
SIZES = (0, 1, 125, 126, 65535, 65536, 300_000)


@pytest.fixture(scope="module")
def everything() -> Environment:
    """The newest of PyPI, of the libraries that the examples need."""
    asgi = ("uvicorn", "uvicorn-worker", "starlette", "websockets", "aiohttp")
    return environment("gevent", "gevent-websocket", "eventlet", "tornado", *asgi)


@pytest.fixture(scope="module")
def websocket() -> Iterator[ModuleType]:
    """The client library."""
    with pytest.MonkeyPatch.context() as patch:
        site = next((environment("websocket-client").path / "lib").glob("python*/site-packages"))
        patch.syspath_prepend(str(site))
        import websocket as library

        yield library


#: what the log says of a WebSocket that was still open at the end of ``graceful_timeout``
CUT = ("GreenletExit", "Error handling request")


def serve(
    python: Path, kind: str, bind: str = "tcp", *more: str, may_cut: bool = False
) -> Launched:
    tls = ["--certfile", CERTIFICATE, "--keyfile", KEY] if bind == "tls" else []
    words = ["-W", "ignore", "-m", "gunicorn", "--bind", "{bind}", *tls, "-k", kind, *more]
    example = (EXAMPLES / ECHOES[kind]).with_suffix(".py")
    files = {example.name: example.read_text()}
    errors = CUT if may_cut else False
    app = f"{example.stem}:app"
    return Launched(python, *words, app, bind=bind, files=files, expect_errors=errors)


def connect(websocket: ModuleType, server: Server) -> Any:
    scheme = "wss" if server.bind == "tls" else "ws"
    sock = server.connect().sock
    return websocket.create_connection(
        f"{scheme}://localhost/", socket=sock, timeout=DEADLINE, enable_multithread=False
    )


@pytest.mark.parametrize("listener", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("kind", ECHOES)
def test_echo(everything: Environment, websocket: ModuleType, kind: str, listener: str) -> None:
    with serve(everything.python, kind, listener) as server:
        one = connect(websocket, server)
        for size in SIZES:
            text = ("ä" * size)[:size]
            one.send(text)
            assert one.recv() == text
        # the client says ping and waits for its pong between two messages
        one.ping("are you there?")
        opcode, data = one.recv_data(control_frame=True)
        assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, b"are you there?")
        others = [connect(websocket, server) for _ in range(20)]
        for number, other in enumerate(others):
            other.send(f"number {number}")
        for number, other in enumerate(others):
            assert other.recv() == f"number {number}"
            other.close()
        one.send("still here")
        assert one.recv() == "still here"
        one.close()
        # and what is no WebSocket is answered as ever
        assert server.get().status in (200, 400, 426)


@pytest.mark.parametrize("kind", LIVING)
def test_lifespan(everything: Environment, kind: str) -> None:
    with serve(everything.python, kind) as server:
        assert server.get().body == b"hello"
        assert "started" in server.log_text()
        with server.log_contains("ended"):
            server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize("kind", ECHOES)
def test_stop_ends_open_sockets(everything: Environment, websocket: ModuleType, kind: str) -> None:
    """A WebSocket is a request under way: it has ``graceful_timeout`` seconds."""
    words = ("tcp", "--graceful-timeout", "4")
    with serve(everything.python, kind, *words, may_cut=True) as server:
        open_one = connect(websocket, server)
        open_one.send("here")
        assert open_one.recv() == "here"
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        open_one.shutdown()
