"""The only place of the integration tests where time passes: `wait_until`.

A test never sleeps to let something happen; it names the state it expects and a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    what: str | Callable[[], str],
    timeout: float = 30.0,
    every: float = 0.05,
) -> T:
    """Poll `condition` until it is true and return its value; fail with `what` after `timeout`
    seconds.

    `what` may be a function: then it is called at the deadline, to tell what was seen instead.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {text}")
        time.sleep(every)
