"""The ``spew`` setting: print every line of Python that is executed.

Knows only ``sys.settrace``; it slows everything down by orders of magnitude and is for the last
resort.
"""

from __future__ import annotations

import linecache
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType
    from typing import Any

__all__ = ["Spew", "spew", "unspew"]


class Spew:
    """A trace function that prints ``module:line: source`` for each line.

    ``trace_names`` limits it to the modules named; ``show_values`` adds the local variables that
    the line mentions.
    """

    def __init__(
        self, trace_names: Collection[str] | None = None, show_values: bool = False
    ) -> None:
        self.trace_names = trace_names
        self.show_values = show_values

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Spew:
        """Print the line about to be executed in ``frame``; always stays the trace function."""
        name = str(frame.f_globals.get("__name__", "?"))
        if event == "line" and (self.trace_names is None or name in self.trace_names):
            source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).rstrip()
            print(f"{name}:{frame.f_lineno}: {source}")
            if self.show_values:
                words = "".join(c if c.isidentifier() or c.isdigit() else " " for c in source)
                shown = [f"{n}={frame.f_locals[n]!r}" for n in words.split() if n in frame.f_locals]
                if shown:
                    print(f"\t{' '.join(shown)}")
        return self


def spew(trace_names: Collection[str] | None = None, show_values: bool = False) -> None:
    """Print every line executed from now on, in this thread and those started later."""
    trace = Spew(trace_names, show_values)
    threading.settrace(trace)
    sys.settrace(trace)


def unspew() -> None:
    """End what :func:`spew` began."""
    threading.settrace(None)
    sys.settrace(None)
