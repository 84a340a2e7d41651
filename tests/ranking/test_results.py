"""Tables of made-up results, by hand."""

import numpy as np
import pytest
from rankings import made_up, write_result

from visionfw.ranking.results import collect_results

GAINS = {"A": {0: [1.0, 2.0], 1: [1.2, 2.2]}, "B": {0: [2.0, 3.0], 1: [2.0, 3.0]}, "C": {0: [0.0, 0.0], 1: [0.0, 0.0]}}


def test_the_table_has_means_deviations_the_best_and_its_lead(tmp_path):
    row, overall = collect_results(made_up(tmp_path / "x", GAINS)).table()
    assert (row["test set"], row["best"]) == ("T", "B")
    assert row["A"] == f"+1.600 \u00b1 {np.std([1.5, 1.7], ddof=1):.3f}"
    assert row["min diff"] == pytest.approx(2.5 - 1.6)
    assert overall["test set"] == "all"
    assert overall["min diff"] == pytest.approx(row["min diff"])


def test_standings_are_best_first(tmp_path):
    results = collect_results(made_up(tmp_path / "x", GAINS))
    standings = results.standings()
    assert [row["name"] for row in standings] == ["B", "A", "C"]
    assert [row["first places"] for row in standings] == [1, 0, 0]
    assert [row["mean rank"] for row in standings] == [1, 2, 3]
    assert results.rank_agreement("T") == 1


def test_costs_are_the_least_time_and_the_most_memory(tmp_path):
    costs = collect_results(made_up(tmp_path / "x", GAINS)).costs[0]
    assert (costs["ms per step"], costs["ms per 128x128 image"], costs["G multiply-adds"], costs["peak MiB"]) == (100.0, 200.0, 7.0, 1024)


def test_rows_for_other_programs_hold_every_mean(tmp_path):
    rows = collect_results(made_up(tmp_path / "x", GAINS)).rows()
    assert len(rows) == 6
    assert rows[1] == {
        "name": "A",
        "seed": 1,
        "dataset": "T",
        "psnr": pytest.approx(31.7),
        "ssim": pytest.approx(0.9),
        "gain": pytest.approx(1.7),
        "leaking": 0,
    }


def test_scores_on_leaking_test_sets_are_marked(tmp_path):
    leakage = [{"name": "B", "dataset": "T", "train_set": "B", "leaks": [{}, {}]}]
    row, overall = collect_results(made_up(tmp_path / "x", GAINS, leakage=leakage)).table()
    assert [name for name in GAINS if row[name].endswith("*")] == ["B"]
    assert [name for name in GAINS if overall[name].endswith("*")] == ["B"]


def test_an_image_that_is_reproduced_exactly_counts_as_100_db(tmp_path):
    grid = made_up(tmp_path / "x", {"A": {0: [1.0]}, "B": {0: [2.0]}})
    write_result(grid.job("A", 0), [float("inf")])
    assert collect_results(grid).psnr["T"][0, 0, 0] == 100.0


def test_names_with_missing_seeds_are_left_out_and_named(tmp_path):
    grid = made_up(tmp_path / "x", GAINS)
    grid.job("C", 1).result_file.unlink()
    grid.job("C", 1).failure_file.write_text('{"reason": "no space"}')
    results = collect_results(grid)
    assert results.names == ("A", "B")
    assert results.missing == ("C, seed 1: failed: no space",)
    grid.job("B", 1).result_file.unlink()
    assert collect_results(grid) is None
