"""For tornado: an application of tornado's own, served by its own HTTP server on the same loop.

gunicorn --worker-class tornado lines_tornado:app
"""

import asyncio

from tornado.web import Application, RequestHandler


class Lines(RequestHandler):
    async def get(self):
        for number in (1, 2, 3):
            self.write(f"line {number}\n")
            await self.flush()
            await asyncio.sleep(0.1)


app = Application([("/", Lines)])
