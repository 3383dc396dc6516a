"""The command line behind ``scripts/bench``."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from benchmarks import measure, table
from benchmarks.peers import PEERS, USUAL, Peer, build_baseline, default_home
from benchmarks.scenarios import SCENARIOS

#: A load average before the run above which its figures are coloured by others.
_BUSY = 0.5


def read_machine() -> str:
    """Return the processor and kernel in a few words."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"


def _names_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        if wrong := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(wrong))}; known: {', '.join(known)}"
            )
        return chosen

    return parse


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 60:
        raise argparse.ArgumentTypeError("must be from 1 to 60")
    return number


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--home", type=Path, default=default_home(), help=argparse.SUPPRESS)
    parser.add_argument("--scenarios", type=_names_of(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--peers", type=_names_of(PEERS), default=USUAL)
    parser.add_argument(
        "--baseline", type=Path, metavar="TREE", help="another working tree of ours to measure too"
    )
    parser.add_argument("--rounds", type=_count, default=5, help="default: 5")
    parser.add_argument("--seconds", type=_count, default=2, help="of one sample; default: 2")
    parser.add_argument("--list", action="store_true", help="name the scenarios and peers, and end")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="everything, for a program")
    output.add_argument("--rst", action="store_true", help="the table for the manual")
    return parser


def _print_list(peers: list[Peer], versions: dict[str, str | None]) -> None:
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:18}{scenario.title}")
    for peer in peers:
        print(f"{peer.name:18}{versions[peer.name] or 'not installed'}  {peer.note}".rstrip())


def main() -> int:
    arguments = build_parser().parse_args()
    peers = [PEERS[name] for name in arguments.peers]
    if arguments.baseline:
        peers.append(build_baseline(arguments.baseline))
    versions = {peer.name: peer.version(arguments.home) for peer in peers}
    if arguments.list:
        _print_list(peers, versions)
        return 0

    def tell(text: str) -> None:
        if not arguments.quiet:
            print(f"bench: {text}", file=sys.stderr)

    for name in (name for name, version in versions.items() if version is None):
        tell(f"{name} is not installed, left out")
    installed = {name: version for name, version in versions.items() if version is not None}
    load = os.getloadavg()[0]
    if load > _BUSY:
        tell(f"the machine is busy (load {load:.1f}): not the figures to publish")
    if len(os.sched_getaffinity(0)) < 2:
        tell("one core only: server and load generator share it, so do not trust the rates")
    facts = table.Facts(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=read_machine(),
        python=platform.python_version(),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        load=load,
        versions=installed,
        notes={peer.name: peer.note for peer in peers if peer.name in installed},
    )
    plan = measure.Plan(
        home=arguments.home,
        scenarios=[SCENARIOS[name] for name in arguments.scenarios],
        peers=[peer for peer in peers if peer.name in installed],
        rounds=arguments.rounds,
        seconds=arguments.seconds,
    )
    samples = []
    try:
        for sample in measure.take_samples(plan, tell):
            samples.append(sample)
    except KeyboardInterrupt:
        tell("interrupted; this is what was measured until then")
    rows = table.build_rows(samples)
    if arguments.json:
        sys.stdout.write(table.format_json(rows, samples, facts))
    else:
        write = table.format_rst if arguments.rst else table.format_text
        sys.stdout.write(write(rows, facts))
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
