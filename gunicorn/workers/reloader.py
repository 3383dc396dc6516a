"""``reload``: a worker that watches its own code, and leaves when that changes.

``Snapshot`` is the judge: it remembers how files looked and says which one looks different.
``Reloader`` asks it again and again, in a thread, and when something has changed has the master
start a successor and the worker finish what it has begun. The engines only decide when the judge
looks: every second, or when the kernel says that something happened (and every few seconds, because
the kernel does not hear of changes made on the other side of a network or a virtual machine).

An application that cannot be loaded is replaced by one that shows why, until the code changes.
For development; nothing here is loaded without the setting.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gunicorn.system import inotify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Reloader", "Snapshot", "files_behind", "make_engine", "module_files"]

#: seconds between two looks
POLL_SECONDS = 1.0
#: the same where the kernel tells of most changes
INOTIFY_SECONDS = 2.0

#: the same while the application is being loaded
LOADING_SECONDS = 0.1

#: what tells whether a file is another: modification time, size, inode
Stamp = tuple[int, int, int]

#: waits for the next look at the given files
Engine = Callable[[Iterable[str]], None]


class Snapshot:
    """How files looked when they were first seen.

    A file that vanishes is waited for: editors delete and write anew, and code that is gone cannot
    be loaded. A file that was absent from the start has changed when it comes.
    """

    def __init__(self, files: Callable[[], Iterable[str]]) -> None:
        self._files = files
        self._stamps: dict[str, Stamp | None] = {}
        self._lock = threading.Lock()

    @property
    def watched(self) -> list[str]:
        """The files seen so far."""
        with self._lock:
            return list(self._stamps)

    def look(self) -> str | None:
        """Look at every file; the path of one that has changed, None when none has."""
        found = None
        with self._lock:
            for path in {*self._files(), *self._stamps}:
                stamp = _stamp_of(path)
                if path not in self._stamps:
                    self._stamps[path] = stamp
                elif stamp is not None and stamp != self._stamps[path]:
                    found = path
        return found


class Reloader(threading.Thread):
    """Watches for ``worker``. ``start`` it before the application is loaded, ``arm`` it after."""

    def __init__(self, worker: Any, engine: Engine | None = None) -> None:
        super().__init__(name="reloader", daemon=True)
        self._worker = worker
        self._extra = [os.path.abspath(path) for path in worker.cfg.reload_extra_files]  # noqa: PTH100
        self._snapshot = Snapshot(self._files)
        self._wait = engine or make_engine(worker.cfg.reload_engine, worker.log)
        self._is_armed = threading.Event()

    def add_extra_file(self, path: str) -> None:
        """Watch a file too."""
        self._extra.append(path)

    def arm(self) -> None:
        """Act on changes from now on, those since the start among them."""
        # Modules that were imported just now are seen as they were imported.
        self._snapshot.look()
        self._is_armed.set()

    def run(self) -> None:
        """Look, wait, look again, until something has changed."""
        # Signals are for the thread that waits for requests.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while (changed := self._snapshot.look()) is None:
            if self._is_armed.is_set():
                self._wait(self._snapshot.watched)
            else:
                # What is imported meanwhile is to be seen as it was imported.
                self._is_armed.wait(LOADING_SECONDS)
        self._is_armed.wait()
        self._replace(changed)

    def explain(self, error: BaseException) -> Any:
        """An application that answers every request with ``error``; its files are watched too."""
        for path in files_behind(error):
            self.add_extra_file(path)
        return _Explanation("".join(traceback.format_exception(error)))

    def _replace(self, changed: str) -> None:
        worker = self._worker
        worker.log.info("Worker reloading: %s modified", changed)
        # The successor is loading while this one finishes what it has begun.
        worker.tmp.ask_replacement()
        os.kill(os.getpid(), signal.SIGTERM)

    def _files(self) -> Iterator[str]:
        yield from module_files()
        yield from self._extra


def module_files() -> Iterator[str]:
    """The files that the imported modules came from."""
    for module in list(sys.modules.values()):
        try:
            # Not by the attribute: modules that load themselves late would do so now.
            path = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if isinstance(path, str) and path:
            yield path[:-1] if path.endswith(".pyc") else path


def files_behind(error: BaseException) -> list[str]:
    """What may have to change for ``error`` not to come again.

    The files in its traceback and in those of its causes, a file that cannot be parsed, and the
    directories of all of them, where a missing module may appear.
    """
    files: set[str] = set()
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        waiting += [current.__cause__, current.__context__]
        if isinstance(current, SyntaxError) and current.filename:
            files.add(current.filename)
        files.update(
            frame.f_code.co_filename for frame, _ in traceback.walk_tb(current.__traceback__)
        )
    ours = str(Path(__file__).parent.parent)
    mine = {path for path in files if os.path.isabs(path) and not path.startswith(ours)}  # noqa: PTH117
    return sorted(mine | {str(Path(path).parent) for path in mine} | {str(Path.cwd())})


def make_engine(name: str, log: Any) -> Engine:
    """Give the engine called ``name``: ``poll``, ``inotify``, or ``auto`` for what there is."""
    if name == "poll":
        return _poll
    try:
        watch = inotify.Watch()
    except OSError as error:
        if name == "inotify":
            log.warning("reload_engine inotify is not to be had (%s): polling", error)
        return _poll

    def wait(files: Iterable[str]) -> None:
        for path in set(files):
            watch.add(str(Path(path).parent))
        watch.wait(INOTIFY_SECONDS)

    return wait


def _poll(files: Iterable[str]) -> None:
    time.sleep(POLL_SECONDS)


def _stamp_of(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class _Explanation:
    """The application that stands in for one that cannot be loaded."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        page = (
            "The application cannot be loaded. It is tried again when its code changes.\n\n"
            f"{self.text}"
        ).encode("utf-8", "backslashreplace")
        fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(page)))]
        start_response("500 Internal Server Error", fields)
        return [page]
