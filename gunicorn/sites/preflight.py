"""What no single site file can show: two sites that want the same thing, a machine too small.

Pure judgements over all sites; the looking around (who listens now, how much memory there is) is
done by small functions whose answers are handed in. ``check`` prints the lines: problems keep a
site from serving, warnings do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from gunicorn import util
from gunicorn.sites.become import parse_limit
from gunicorn.sites.site import Site, as_list

#: bytes that a worker with a small application has to itself; less than any real one needs
WORKER_FLOOR = 12 << 20
#: the master, in the same count
MASTER_FLOOR = 12 << 20


@dataclass
class Findings:
    """Lines by site, and what concerns none in particular."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, site: str, line: str) -> None:
        """Take down a problem of a site."""
        self.problems.setdefault(site, []).append(line)


@dataclass(frozen=True)
class Claim:
    """One thing that a site wants for itself."""

    site: Site
    #: "bind", "errorlog" or "accesslog"
    key: str
    #: host and port, or a path
    thing: tuple[str, int] | str

    @property
    def shown(self) -> str:
        if isinstance(self.thing, str):
            return self.thing
        host, port = self.thing
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def conflicts(sites: Iterable[Site]) -> Findings:
    """Find addresses, sockets and logs that two sites claim. The later by name is told."""
    findings = Findings()
    claims: list[Claim] = []
    for site in sorted(sites, key=lambda one: one.name):
        if site.start == "disabled":
            continue
        mine = list(_claims(site))
        for claim in mine:
            rival = next((other for other in claims if _clash(claim, other)), None)
            if rival is not None:
                findings.add(site.name, _clash_line(claim, rival))
        claims += mine
    return findings


def _claims(site: Site) -> Iterable[Claim]:
    for text in as_list(site.settings.get("bind", [])):
        address = util.parse_address(text)
        if not isinstance(address, int):
            yield Claim(site, "bind", address)
    for key in ("errorlog", "accesslog"):
        value = site.settings.get(key)
        if isinstance(value, str) and value.startswith("/"):
            yield Claim(site, key, value)


def _clash(one: Claim, other: Claim) -> bool:
    if isinstance(one.thing, str) or isinstance(other.thing, str):
        return one.thing == other.thing
    return overlap(one.thing, other.thing)


def overlap(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether the kernel would refuse the second of two TCP addresses."""
    if one[1] != other[1] or one[1] == 0:
        return False
    first, second = _family(one[0]), _family(other[0])
    # [::] takes IPv4 in as well, unless told otherwise
    if "::" in (first, second):
        return True
    if "0.0.0.0" in (first, second):
        return ":" not in first + second
    return first == second


def _family(host: str) -> str:
    """Spell a host so that equal addresses are equal texts."""
    if host in ("", "localhost"):
        return "127.0.0.1" if host else "0.0.0.0"
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def _clash_line(claim: Claim, rival: Claim) -> str:
    theirs = f"{rival.site.name} ({rival.site.place(rival.key)})"
    also = "" if rival.thing == claim.thing else f" as {rival.shown}"
    return (
        f"{claim.site.place(claim.key)}: {claim.key}: {claim.shown} is also claimed by the site "
        f"{theirs}{also}"
    )


# -- ports that somebody else has ------------------------------------------------------------------


@dataclass(frozen=True)
class Listener:
    """A TCP socket that listens on this machine now."""

    host: str
    port: int
    uid: int


def taken(
    site: Site, uid: int, listeners: Sequence[Listener], name_of: Callable[[int], str]
) -> list[str]:
    """Say which addresses of a site a process of somebody else listens on."""
    found = []
    for claim in _claims(site):
        if isinstance(claim.thing, str):
            continue
        for one in listeners:
            if one.uid != uid and overlap(claim.thing, (one.host, one.port)):
                who = name_of(one.uid)
                found.append(
                    f"{site.place('bind')}: bind: {claim.shown} is taken by a process of user "
                    f"{who}: ss -ltnp 'sport = {one.port}'"
                )
                break
    return found


def read_listeners(proc: Path = Path("/proc")) -> list[Listener]:
    """Read who listens from ``/proc/net/tcp`` and ``tcp6``."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if len(words) > 7 and words[3] == "0A":
                host, _, port = words[1].partition(":")
                found.append(Listener(_address(host), int(port, 16), int(words[7])))
    return found


def _address(text: str) -> str:
    """Read an address of ``/proc/net``: words of 32 bits in the byte order of the machine."""
    words = [bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8)]
    return str(ip_address(b"".join(words)))


# -- memory ----------------------------------------------------------------------------------------


def memory(sites: Iterable[Site], per_worker: Mapping[str, int], total: int) -> Findings:
    """Compare workers times memory with the limits, and the limits with the machine.

    :param per_worker: bytes a worker of a running site uses, where that is known
    :param total: bytes of memory of the machine
    """
    findings = Findings()
    promised = 0
    for site in sites:
        text = site.limits.get("memory_max")
        limit = None if text is None else parse_limit(text)
        workers = _workers(site)
        each = max(per_worker.get(site.name, 0), WORKER_FLOOR)
        need = MASTER_FLOOR + workers * each
        if limit is not None and 0 < limit < need:
            measured = "measured" if each > WORKER_FLOOR else "at the very least"
            findings.add(
                site.name,
                f"{site.place('limits', 'memory_max')}: limits.memory_max: {text} is less than "
                f"{workers} workers need: {_mib(need)} ({_mib(each)} each, {measured})",
            )
        if site.start != "disabled":
            promised += limit if limit is not None and 0 < limit < total else need
    if promised > total:
        findings.warnings.append(
            f"all sites together may use {_mib(promised)} of memory, the machine has {_mib(total)}"
        )
    return findings


def _workers(site: Site) -> int:
    value = site.settings.get("workers", 1)
    return int(value, 0) if isinstance(value, str) else int(value)


def _mib(count: int) -> str:
    return f"{(count + (1 << 20) - 1) >> 20}M"
