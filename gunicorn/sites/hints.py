"""What to do about a failure: from the words it left to the next command. Pure.

One row a failure people meet, most particular first; ``docs/troubleshooting.rst`` lists them for
people and a test on booted machines produces each. ``{...}`` in a hint is a fact of the site: its
name, or file and line of a key.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gunicorn.sites.site import Site


class Hint(NamedTuple):
    """One failure: what its words look like, and what mends it."""

    pattern: str
    advice: str


#: results of systemd that tell the cause by themselves
RESULTS = {
    "oom-kill": "raise limits.memory_max ({limits.memory_max}) or lower workers ({workers})",
    "watchdog": "its master hung: gunicornctl logs {name}, then report it with what is there",
    "start-limit-hit": "it failed ten times within a minute: mend the cause, then gunicornctl "
    "start {name}",
    "timeout": "it took longer than boot_timeout or graceful_timeout: gunicornctl logs {name}",
}

WORDS = (
    Hint(
        r"No module named '(?P<module>[^']+)'",
        "install {module} for the interpreter of the site (python: {python}) or mend the import, "
        "then gunicornctl restart {name}",
    ),
    Hint(r"boot timeout", "see what the import waits for, or raise boot_timeout ({boot_timeout})"),
    Hint(r"App failed to load", "mend the application; its traceback: gunicornctl logs {name}"),
    Hint(
        r"cannot listen on .*'(?P<host>[^']*)', (?P<port>\d+)\).* in use",
        "ss -ltnp 'sport = {port}' shows who has it; another address: {bind}",
    ),
    Hint(
        r"cannot listen on .*permission denied",
        "the site's user may not bind it ({bind}): sockets belong into /run/gunicorn/{name}/",
    ),
    Hint(r"Too many open files", "raise limits.nofile ({limits.nofile})"),
    Hint(r"No space left on device", "df -h / /run /var/log shows which disk is full"),
    Hint(r"isn't writable", "gunicornctl check {name} says what bars the way"),
    Hint(r"(certfile|keyfile|ca_certs)\b", "gunicornctl check {name} says who can read it"),
    Hint(r"certificate|\bSSL\b", "openssl x509 -noout -enddate -subject -in FILE ({certfile})"),
    Hint(r"cannot allocate memory|MemoryError", "raise limits.memory_max ({limits.memory_max})"),
)


def advice(name: str, site: Site | None, text: str, result: str = "") -> str | None:
    """Say what to do about a failure that left these words; None when we know no better.

    Words of ours that name file and line say what to do themselves.
    """
    if result in RESULTS:
        return _fill(RESULTS[result], name, site, {})
    for hint in WORDS:
        found = re.search(hint.pattern, text, re.IGNORECASE)
        if found:
            return _fill(hint.advice, name, site, found.groupdict())
    return None


def _fill(template: str, name: str, site: Site | None, words: dict[str, str]) -> str:
    def fact(match: re.Match[str]) -> str:
        key = match[1]
        if key == "name":
            return name
        if key in words:
            return words[key]
        return site.place(*key.split(".")) if site is not None else f"{name}.conf"

    return re.sub(r"\{([a-z_.]+)\}", fact, template)
