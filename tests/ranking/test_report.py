"""The reports of a ranking: text, JSON, CSV and the page."""

import csv
import json

import pytest
from rankings import made_up

from visionfw.ranking.report import write_report
from visionfw.ranking.results import collect_results

GAINS = {
    "edsr": {0: [1.0, 2.0, 1.5], 1: [1.2, 2.2, 1.4]},
    "a|b <c>": {0: [2.0, 3.0, 2.5], 1: [2.1, 3.0, 2.6]},
}


@pytest.fixture
def written(tmp_path):
    leakage = [{"name": "edsr", "dataset": "T", "train_set": "A", "leaks": [{}]}]
    grid = made_up(tmp_path / "x", GAINS, ranked="models", leakage=leakage)
    return grid.folder, write_report(grid, collect_results(grid))


def test_the_text_has_tables_findings_costs_and_notes(written):
    folder, text = written
    assert "| test set | edsr " in text
    assert "T (agreement of the seeds: Kendall's tau +1.00):" in text
    assert "- a|b <c> > edsr (+0." in text
    assert "ms per 128x128 image" in text
    assert "*: the test set shares images with the training set" in text
    assert text.endswith(f"written: {folder / 'ranking.html'}, .md, .csv, .json")


def test_names_cannot_break_the_markdown_table(written):
    header = next(line for line in (written[0] / "ranking.md").read_text().splitlines() if line.startswith("| test set"))
    assert "a\\|b &lt;c>" in header


def test_json_and_csv_hold_the_scores(written):
    report = json.loads((written[0] / "ranking.json").read_text())
    assert [row["name"] for row in report["standings"]] == ["a|b <c>", "edsr"]
    assert report["differences"]["T"][0]["significant"] in (True, False)
    assert report["rank_agreement"] == {"T": 1.0, "all": 1.0}
    with (written[0] / "ranking.csv").open() as lines:
        assert [row["name"] for row in csv.DictReader(lines)] == ["edsr"] * 2 + ["a|b <c>"] * 2


def test_the_page_shows_them_escaped(written):
    page = (written[0] / "ranking.html").read_text()
    assert "Ranking of models" in page and "Differences" in page
    assert "a|b &lt;c&gt;" in page and "<c>" not in page
