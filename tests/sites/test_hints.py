"""What to do about a failure, from its words; the words themselves are tested on machines."""

from __future__ import annotations

import pytest

from gunicorn.sites import hints, status
from gunicorn.sites.systemctl import Unit
from tests.sites.conftest import GOOD, Machine


@pytest.mark.parametrize(
    ("text", "result", "expected"),
    [
        ("Error: App failed to load. ModuleNotFoundError: No module named 'flask'", "exit-code",
         "install flask for the interpreter of the site (python: {file}:3) or mend the import, "
         "then gunicornctl restart shop"),
        ("Error: App failed to load. NameError: name 'x'", "exit-code",
         "mend the application; its traceback: gunicornctl logs shop"),
        ("Error: cannot listen on ('127.0.0.1', 8000): the address is in use", "exit-code",
         "ss -ltnp 'sport = 8000' shows who has it; another address: {file}:4"),
        ("Error: cannot listen on /srv/x: permission denied", "exit-code",
         "the site's user may not bind it ({file}:4): sockets belong into /run/gunicorn/shop/"),
        ("Worker failed to boot. Worker (pid:5) exited with code 1 (boot timeout)", "exit-code",
         "see what the import waits for, or raise boot_timeout ({file})"),
        ("", "oom-kill", "raise limits.memory_max ({file}:6) or lower workers ({file})"),
        ("No module named 'x'", "start-limit-hit",
         "it failed ten times within a minute: mend the cause, then gunicornctl start shop"),
        ("shop.conf:3: unknown key tiemout: did you mean timeout?", "exit-code", None),
    ],
)  # fmt: skip
def test_words_lead_to_the_next_command(
    machine: Machine, text: str, result: str, expected: str | None
) -> None:
    site = machine.site(
        GOOD + 'python = "/srv/venv"\nbind = "127.0.0.1:8000"\n[limits]\nmemory_max = "1G"\n'
    )
    told = hints.advice("shop", site, text, result)
    assert told == (None if expected is None else expected.replace("{file}", str(site.path)))


def test_every_row_can_be_filled_without_a_site() -> None:
    for template in [*hints.RESULTS.values(), *(row.advice for row in hints.WORDS)]:
        words = {"module": "flask", "port": "80", "host": ""}
        assert "{" not in hints._fill(template, "shop", None, words)


def test_a_request_that_takes_long_is_told_before_it_is_killed(machine: Machine) -> None:
    answer = {"workers": [{"pid": 7, "busy_seconds": 20.2}, {"pid": 8, "busy_seconds": 3}]}
    one = status.make_status("shop", machine.site(GOOD), Unit("shop", active="active"), answer, "a")
    assert one.notes == [
        "worker pid 7 has been inside one request for 20 s of 30 (timeout): gunicornctl logs shop"
    ]
