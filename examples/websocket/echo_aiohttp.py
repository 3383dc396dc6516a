"""For aiohttp's worker: WebSockets, with what is done at the application's start and end.

gunicorn --worker-class aiohttp.GunicornWebWorker echo_aiohttp:app
"""

import weakref

from aiohttp import WSCloseCode, WSMsgType, web

sockets = weakref.WeakSet()


async def lifespan(app):
    print("started", flush=True)
    app["greeting"] = "hello"
    yield
    print("ended", flush=True)


async def serve(request):
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request):
        return web.Response(text=request.app["greeting"])
    await socket.prepare(request)
    sockets.add(socket)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def say_goodbye(app):
    """A graceful stop waits for what is under way: open sockets are to end now."""
    for socket in set(sockets):
        await socket.close(code=WSCloseCode.GOING_AWAY)


app = web.Application()
app.on_shutdown.append(say_goodbye)
app.cleanup_ctx.append(lifespan)
app.router.add_get("/", serve)
