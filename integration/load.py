"""Requests without a pause, every failure counted: both a script and the tests' handle on it.

Run as a script it knows the standard library only, for it runs in the network namespace of a
machine. Half of its threads keep their connection, half make a new one for every request. It ends
when its standard input does, or after `--count` requests, and never later than `--seconds`; then it
prints one JSON record.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integration.machine import Machine

PROGRESS_EVERY = 20


class Load:
    """A running load on a machine; a context manager. `stop()` ends it and gives the report."""

    def __init__(
        self,
        machine: Machine,
        host: str,
        path: str = "/version",
        threads: int = 4,
        port: int = 80,
        seconds: float = 120.0,
    ):
        self.report: dict[str, Any] = {}
        self._done = 0
        self._progress = threading.Condition()
        script = [sys.executable, "-I", str(Path(__file__).resolve())]
        options = [f"--port={port}", f"--host={host}", f"--path={path}", f"--threads={threads}"]
        options.append(f"--seconds={seconds}")
        self._process = subprocess.Popen(
            ["nsenter", "-t", str(machine.leader), "-n", *script, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            record = json.loads(line)
            with self._progress:
                self._done = record["requests"]
                if "failures" in record:
                    self.report = record
                self._progress.notify_all()

    def more(self, requests: int = 200, timeout: float = 60.0) -> None:
        """Return when that many further requests have been answered."""
        with self._progress:
            goal = self._done + requests
            if not self._progress.wait_for(lambda: self._done >= goal or self.report, timeout):
                raise AssertionError(
                    f"{self._done} requests done, {goal} wanted within {timeout} s"
                )

    def stop(self) -> dict[str, Any]:
        if not self.report:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._reader.join(30)
            self._process.wait(30)
        return self.report

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Runner:
    """The script's side: threads that request until told to stop."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.requests = 0
        self.longest = 0.0
        self.bodies: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self) -> None:
        threading.Thread(target=self._watch_stdin, daemon=True).start()
        threads = [
            threading.Thread(target=self._work, args=(n % 2 == 0,))
            for n in range(self.options.threads)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + self.options.seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.stop.set()
        for thread in threads:
            thread.join()
        record = {
            "requests": self.requests,
            "failures": self.failures,
            "bodies": self.bodies,
            "longest": round(self.longest, 3),
        }
        print(json.dumps(record), flush=True)

    def _watch_stdin(self) -> None:
        sys.stdin.read()
        self.stop.set()

    def _work(self, keep: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        for number in itertools.count():
            if self.stop.is_set():
                break
            started = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(
                        "127.0.0.1", self.options.port, timeout=30
                    )
                headers = {"Host": self.options.host} | ({} if keep else {"Connection": "close"})
                connection.request("GET", self.options.path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                problem = "" if answer.status == 200 else f"status {answer.status}"
            except (OSError, http.client.HTTPException) as error:
                problem, body = f"request {number} of a thread: {error!r}", b""
            if connection is not None and (problem or not keep):
                connection.close()
                connection = None
            self._note(problem, body, time.monotonic() - started)

    def _note(self, problem: str, body: bytes, seconds: float) -> None:
        with self.lock:
            self.requests += 1
            self.longest = max(self.longest, seconds)
            if problem:
                self.failures.append(problem)
            else:
                self.bodies[body[:40].decode("latin-1")] += 1
            if self.requests % PROGRESS_EVERY == 0:
                print(json.dumps({"requests": self.requests}), flush=True)
            if self.options.count and self.requests >= self.options.count:
                self.stop.set()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--path", default="/")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120.0)
    Runner(parser.parse_args()).run()
