"""An application of tornado's own: what a handler may be at when its worker is to end."""

from __future__ import annotations

import asyncio
import os
import time

from tornado import web, websocket


class Hello(web.RequestHandler):
    def get(self):
        self.write("hello")

    def post(self):
        self.write(str(len(self.request.body)))


class Wait(web.RequestHandler):
    """Waits at the gate of the test without holding the loop."""

    async def get(self):
        reader, writer = await asyncio.open_unix_connection(os.environ["GATE"])
        writer.write(b"%d\n" % os.getpid())
        await reader.read(1)
        writer.close()
        self.write(str(os.getpid()))


class Block(web.RequestHandler):
    def get(self):
        time.sleep(60)


class Who(web.RequestHandler):
    def get(self):
        self.write({"ip": self.request.remote_ip, "scheme": self.request.protocol})


class Fork(web.RequestHandler):
    """Forks a child that goes on as if it were the worker."""

    def get(self):
        child = os.fork()
        if child:
            self.write(f"{os.getpid()} {child}")
        else:
            self.write("the child")


class Fail(web.RequestHandler):
    def get(self):
        raise RuntimeError("as the test wants")


class Echo(websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)


application = web.Application(
    [
        ("/", Hello),
        ("/wait", Wait),
        ("/block", Block),
        ("/who", Who),
        ("/fail", Fail),
        ("/fork", Fork),
        ("/echo", Echo),
    ]
)
