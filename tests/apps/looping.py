"""WSGI under tornado: the loop is at hand, and runs between two requests."""

from __future__ import annotations

import asyncio

ticks = asyncio.Event()
#: made while the application is imported
LOOP = asyncio.get_event_loop_policy().get_event_loop()
LOOP.call_soon(ticks.set)


async def clean_up():
    try:
        await asyncio.sleep(1000)
    finally:
        print("the task was told", flush=True)


def application(environ, start_response):
    assert asyncio.get_running_loop() is LOOP
    if environ["PATH_INFO"] == "/task":
        environ["tests.task"] = LOOP.create_task(clean_up())
        TASKS.append(environ["tests.task"])
    body = b"ticked" if ticks.is_set() else b"not yet"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


TASKS: list[asyncio.Task] = []
