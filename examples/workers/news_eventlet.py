"""For eventlet: long polling. GET waits for the news, POST tells it to everybody who waits.

gunicorn --worker-class eventlet news_eventlet:app
"""

from eventlet import event, timeout

news = event.Event()


def app(environ, start_response):
    global news
    if environ["REQUEST_METHOD"] == "POST":
        told, news = news, event.Event()
        told.send(environ["wsgi.input"].read())
        body = b"told\n"
    else:
        with timeout.Timeout(30, False):
            body = news.wait() + b"\n"
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        body = b"no news\n"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
