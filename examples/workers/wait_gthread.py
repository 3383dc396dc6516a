"""For threads: waits for another service, here half a second, while other threads serve.

gunicorn --threads 8 wait_gthread:app
"""

import threading
import time

WAITING = threading.BoundedSemaphore(4)  # the other service stands four at a time


def app(environ, start_response):
    with WAITING:
        time.sleep(0.5)
    body = f"answered by {threading.current_thread().name}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
