"""An application that does to its process what applications should not."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
import time


def application(environ, start_response):
    """Do what the path says; answer with the number of this process, or more of them."""
    path = environ["PATH_INFO"]
    words = [os.getpid()]
    if path in ("/compute", "/stuck", "/close"):
        os.write(2, b"this worker takes nobody in any more\n")
    if path == "/compute":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pass
    elif path == "/stuck":
        # Called with the lock of the interpreter held, unlike all that ctypes calls otherwise.
        ctypes.PyDLL(None).sleep(60)
    elif path == "/fork":
        child = os.fork()
        if child:
            words.append(child)
    elif path == "/child":
        child = multiprocessing.get_context("fork").Process(target=signal.pause)
        child.start()
        words.append(child.pid)
    elif path == "/threads":
        for _ in range(10):
            threading.Thread(target=threading.Event().wait).start()
    elif path == "/close":
        os.closerange(3, 1024)
    body = " ".join(map(str, words)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
