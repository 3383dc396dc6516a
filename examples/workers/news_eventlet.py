"""For eventlet: long polling. POST tells a story; GET /0 waits for the first one, /1 for the next.

gunicorn --worker-class eventlet news_eventlet:app
"""

from eventlet import event, timeout

stories = []
told = event.Event()


def app(environ, start_response):
    global told
    if environ["REQUEST_METHOD"] == "POST":
        stories.append(environ["wsgi.input"].read())
        # whoever waits is woken, and the next ones wait for the next story
        waiting, told = told, event.Event()
        waiting.send()
        body = b"told\n"
    else:
        number = int(environ["PATH_INFO"].strip("/") or 0)
        with timeout.Timeout(30, False):
            while len(stories) <= number:
                told.wait()
        body = b"\n".join(stories[number : number + 1] or [b"no news yet"]) + b"\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
