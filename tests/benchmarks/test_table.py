from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import measure, table
from benchmarks.peers import PEERS, Launch, build_baseline

FACTS = table.Facts(
    date="2026-11-22",
    machine="a machine",
    python="3.11.2",
    rounds=3,
    seconds=2,
    load=0.25,
    versions={"ours": "2026.11.0", "granian": "2.8.7"},
    notes={"ours": "", "granian": "in Rust"},
)


def sample(
    peer: str,
    cpu: float,
    *,
    scenario: str = "hello",
    rate: float = 1000,
    pss: int = 2**20,
    errors: int = 0,
) -> measure.Sample:
    return measure.Sample(scenario, peer, 0, 100, rate, cpu, pss, errors)


def test_rows_are_medians_with_ratios_to_ours() -> None:
    samples = [sample("ours", cpu) for cpu in (20e-6, 10e-6, 90e-6)]
    samples += [sample("granian", cpu, rate=500, pss=2**22) for cpu in (30e-6, 50e-6)]
    ours, granian = table.build_rows(samples)
    assert (ours.peer, ours.cpu, ours.cpu_ratio) == ("ours", 20e-6, 1.0)
    assert granian.cpu == pytest.approx(40e-6)
    assert granian.cpu_ratio == pytest.approx(2.0)
    assert (granian.rate_ratio, granian.pss_ratio) == (0.5, 4.0)


def test_ratio_is_missing_when_ours_did_not_run_that_scenario() -> None:
    rows = table.build_rows([sample("ours", 1e-6), sample("granian", 1e-6, scenario="close")])
    assert [row.cpu_ratio for row in rows] == [1.0, None]


def test_ratio_to_a_figure_of_zero_is_missing() -> None:
    rows = table.build_rows([sample("ours", 0.0), sample("granian", 1e-6)])
    assert [row.cpu_ratio for row in rows] == [None, None]


def test_errors_of_all_rounds_are_added() -> None:
    (row,) = table.build_rows([sample("ours", 1e-6, errors=2), sample("ours", 1e-6, errors=3)])
    assert row.errors == 5


def test_rows_keep_the_order_of_scenarios_and_peers() -> None:
    samples = [
        sample("granian", 1e-6, scenario="close"),
        sample("granian", 1e-6),
        sample("ours", 1e-6),
    ]
    keys = [(row.scenario, row.peer) for row in table.build_rows(samples)]
    assert keys == [("hello", "ours"), ("hello", "granian"), ("close", "granian")]


def test_text_table_is_aligned_and_says_when_and_what() -> None:
    rows = table.build_rows([sample("ours", 20e-6), sample("granian", 30e-6, errors=7)])
    text = table.format_text(rows, FACTS)
    assert "2026-11-22" in text
    assert "granian 2.8.7" in text
    assert "granian: in Rust" in text
    heading, ours, granian = text.splitlines()[-3:]
    assert heading.index("CPU us/request") + len("CPU us/request") == ours.index("20.0") + 4
    assert ours.split()[:3] == ["ours", "20.0", "1.00"]
    assert granian.split()[:3] == ["granian", "30.0", "1.50"]
    assert granian.endswith("7")


def test_rst_has_as_many_cells_in_every_row() -> None:
    rows = table.build_rows([sample("ours", 20e-6), sample("granian", 30e-6)])
    lines = table.format_rst(rows, FACTS).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("   * -")]
    assert len(starts) == 3
    assert {len(row.cells()) for row in rows} == {starts[1] - starts[0]}
    assert lines[0] == "| 2026-11-22, a machine, Python 3.11.2, load before: 0.2"


def test_json_holds_the_single_samples_too() -> None:
    samples = [sample("ours", 20e-6), sample("ours", 30e-6)]
    document = json.loads(table.format_json(table.build_rows(samples), samples, FACTS))
    assert [entry["cpu"] for entry in document["samples"]] == [20e-6, 30e-6]
    assert document["medians"][0]["peer"] == "ours"
    assert document["facts"]["versions"]["granian"] == "2.8.7"


def test_every_round_begins_with_another_peer() -> None:
    peers = list(PEERS.values())
    firsts = [measure.order(peers, number)[0] for number in range(len(peers))]
    assert firsts == peers
    assert all(set(measure.order(peers, n)) == set(peers) for n in range(len(peers)))


def test_baseline_is_ours_from_another_tree_and_comes_after_ours(tmp_path: Path) -> None:
    baseline = build_baseline(tmp_path)
    launch = Launch("127.0.0.1", 8000)
    assert baseline.argv(tmp_path, launch) == PEERS["ours"].argv(tmp_path, launch)
    assert baseline.import_path == str(tmp_path)
    rows = table.build_rows([sample(name, 1e-6) for name in ("granian", "baseline", "ours")])
    assert [row.peer for row in rows] == ["ours", "baseline", "granian"]
