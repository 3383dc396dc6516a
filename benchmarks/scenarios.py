"""What is asked of a server: one row per kind of request.

Refuses to know who answers. A scenario names a path of ``apps.py``, the fields and the body sent,
and the body a right answer carries, so that a peer that answers wrongly is not measured at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import apps

#: What a desktop browser sent in 2026, cookies included; with Host these are 12 fields.
BROWSER_FIELDS = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "http://127.0.0.1/catalogue/shoes?page=3"),
    (
        "Cookie",
        "sessionid=4x1k9vd0u4mzq3o5cqb2yq0v7l6w8s1e; csrftoken=Zk3mJ0sX9aQ7LrT2; theme=dark",
    ),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Priority", "u=0, i"),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request; ``body_size`` above 0 makes it a POST of so many bytes."""

    name: str
    title: str
    path: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    body_size: int = 0
    answer: bytes = apps.HELLO
    connections: int = 32
    access_log: bool = False


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("hello", "Hello world, kept-alive connections"),
        Scenario("browser", "The same with the 12 fields of a browser", fields=BROWSER_FIELDS),
        Scenario("close", "A new connection per request", fields=(("Connection", "close"),)),
        Scenario(
            "post64k",
            "POST of 64 KiB, read by the application",
            path="/post",
            body_size=65536,
            answer=b"65536\n",
        ),
        # Fewer connections: requests still under way when the clock stops are CPU not accounted
        # to any request, and the share of those grows with the size of an answer.
        Scenario(
            "body1m",
            "Response of 1 MiB in one piece",
            path="/megabyte",
            answer=apps.MEGABYTE,
            connections=8,
        ),
        Scenario(
            "stream20",
            "Response of 20 pieces of 1 KiB, length unknown",
            path="/stream",
            answer=apps.CHUNK * apps.CHUNKS,
        ),
        Scenario("accesslog", "Hello world with an access log in a file", access_log=True),
    )
}
