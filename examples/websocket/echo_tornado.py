"""For tornado: its own WebSocket handler.

gunicorn --worker-class tornado echo_tornado:app
"""

from tornado import web, websocket


class Echo(websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


app = web.Application([("/", Echo)])
