"""For uvicorn-worker: WebSockets of an ASGI application, with what is done at its start and end.

gunicorn --worker-class uvicorn_worker.UvicornWorker echo_starlette:app
"""

import contextlib

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute


@contextlib.asynccontextmanager
async def lifespan(app):
    print("started", flush=True)
    yield {"greeting": "hello"}
    print("ended", flush=True)


async def greet(request):
    return PlainTextResponse(request.state.greeting)


async def echo(socket):
    await socket.accept()
    async for message in socket.iter_text():
        await socket.send_text(message)


app = Starlette(routes=[Route("/", greet), WebSocketRoute("/", echo)], lifespan=lifespan)
