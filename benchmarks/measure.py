"""The rounds: every round asks every peer once, so that a slow minute of the machine is shared.

Each sample has a server of its own, freshly started: memory is that server's alone, and chance in
the layout of one process does not colour all rounds. CPU per request is the steadiest figure, for
it does not depend on how fast the load generator is; rates are printed because people ask.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers, wrk
from benchmarks.peers import Peer
from benchmarks.scenarios import Scenario

_WARM_UP = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One peer asked one thing for one round. ``cpu`` is seconds per request, ``pss`` bytes."""

    scenario: str
    peer: str
    round: int
    requests: int
    rate: float
    cpu: float
    pss: int
    errors: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run; ``seconds`` are those of one sample, after its warm-up."""

    home: Path
    scenarios: list[Scenario]
    peers: list[Peer]
    rounds: int
    seconds: int


def choose_cores() -> tuple[int, int]:
    """Return a core for the server and one for the load; the same when there is no other."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def can_run(peer: Peer, scenario: Scenario) -> bool:
    return peer.has_access_log or not scenario.access_log


def order(peers: list[Peer], number: int) -> list[Peer]:
    """Return the peers in the order of one round: each round begins with another one."""
    first = number % len(peers)
    return peers[first:] + peers[:first]


def take_sample(plan: Plan, peer: Peer, scenario: Scenario, number: int) -> Sample:
    """Start the peer, warm it up, load it, and read what that cost.

    Raises:
        servers.PeerFailedError: the peer does not start or answers wrongly.
    """
    server_core, load_core = choose_cores()
    with servers.started(peer, plan.home, scenario, server_core) as server:
        try:
            wrk.run(scenario, server.url, _WARM_UP, load_core)
            before = server.tree.read_cpu()
            report = wrk.run(scenario, server.url, plan.seconds, load_core)
        except subprocess.SubprocessError as error:
            raise servers.PeerFailedError(f"{scenario.name}: broke under load: {error}") from error
        if not report.requests:
            raise servers.PeerFailedError(f"{scenario.name}: answered nothing under load")
        used = server.tree.read_cpu() - before
        pss = server.tree.read_pss()
    return Sample(
        scenario=scenario.name,
        peer=peer.name,
        round=number,
        requests=report.requests,
        rate=report.rate,
        cpu=used / report.requests,
        pss=pss,
        errors=report.socket_errors + report.refused,
    )


def take_samples(plan: Plan, tell: Callable[[str], None]) -> Iterator[Sample]:
    """Run the whole plan; a peer that fails a scenario is told of and left out of it."""
    failed: set[tuple[str, str]] = set()
    for number in range(plan.rounds):
        for scenario in plan.scenarios:
            for peer in order(plan.peers, number):
                if (scenario.name, peer.name) in failed or not can_run(peer, scenario):
                    continue
                tell(f"round {number + 1}/{plan.rounds}: {scenario.name}: {peer.name}")
                try:
                    yield take_sample(plan, peer, scenario, number)
                except servers.PeerFailedError as error:
                    failed.add((scenario.name, peer.name))
                    tell(f"left out: {error}")
