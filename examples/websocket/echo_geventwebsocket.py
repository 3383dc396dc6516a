"""For gevent_pywsgi with the handler of the package gevent-websocket, which brings a worker class.

gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker echo_geventwebsocket:app
"""


def app(environ, start_response):
    socket = environ.get("wsgi.websocket")
    if socket is None:
        body = b"a WebSocket client is wanted here\n"
        start_response("426 Upgrade Required", [("Content-Length", str(len(body)))])
        return [body]
    while (message := socket.receive()) is not None:
        socket.send(message)
    return []
