"""Applications for the worker classes of other packages: ASGI, and aiohttp's own kind."""


async def hello(scope, receive, send):
    """ASGI: lifespan, then a greeting."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b"hello from ASGI"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def make_aiohttp():
    """An aiohttp application, made in the worker's loop."""
    from aiohttp import web

    async def greet(request):
        return web.Response(text="hello from aiohttp")

    app = web.Application()
    app.router.add_get("/", greet)
    return app
