"""Rows as Markdown, CSV and JSON files."""

import csv
import json

import pytest

from visionfw.errors import VisionfwError
from visionfw.metrics import METRICS, MetricEntry
from visionfw.reports.tables import as_table, write_report, write_survey

ROWS = [
    {"model": "EDSR", "dataset": "Set5", "scale": 4, "images": 5, "psnr": 32.09, "ssim": 0.8938, "bicubic_psnr": 28.42, "bicubic_ssim": 0.8104, "gain": 3.67}
]
IMAGES = [{"dataset": "Set5", "image": "baby", "psnr": float("inf"), "gain": -float("inf"), "kid": float("nan")}]


def test_a_table_is_markdown_with_aligned_columns():
    assert as_table(ROWS).splitlines() == [
        "| model | dataset | scale | images |   PSNR |   SSIM | bicubic | bicubic SSIM |   gain |",
        "|-------|---------|------:|-------:|-------:|-------:|--------:|-------------:|-------:|",
        "| EDSR  | Set5    |     4 |      5 | 32.090 | 0.8938 |  28.420 |       0.8104 | +3.670 |",
    ]
    assert as_table([]) == ""


def test_titles_and_digits_are_the_metrics_own():
    with METRICS.temporary(MetricEntry(name="mine", target=len, title="My metric", digits=1)):
        table = as_table([{"lr_psnr": 50.0, "fid": 1.0, "mine": 2.0, "gain": -float("inf")}])
    assert table.splitlines()[0] == "| LR-PSNR |  FID | My metric | gain |"
    assert table.splitlines()[2] == "|  50.000 | 1.00 |       2.0 | -inf |"


def test_json_holds_protocol_rows_and_images(tmp_path):
    write_report(tmp_path / "x.json", {"crop": 4}, ROWS, IMAGES)
    assert json.loads((tmp_path / "x.json").read_text()) == {
        "protocol": {"crop": 4},
        "rows": ROWS,
        "per_image": [IMAGES[0] | {"psnr": "Infinity", "gain": "-Infinity", "kid": "NaN"}],
    }


def test_csv_holds_the_rows(tmp_path):
    write_report(tmp_path / "x.csv", {}, ROWS, IMAGES)
    with (tmp_path / "x.csv").open() as lines:
        assert list(csv.DictReader(lines)) == [{key: str(value) for key, value in ROWS[0].items()}]


def test_markdown_holds_both_tables_and_the_protocol(tmp_path):
    write_report(tmp_path / "new" / "x.md", {"channel": "Y", "crop": 4}, ROWS, IMAGES)
    text = (tmp_path / "new" / "x.md").read_text()
    assert "Protocol: channel Y, crop 4." in text
    assert "| baby" in text


def test_names_of_files_cannot_break_markdown_or_become_html(tmp_path):
    """A name with a pipe would add a column, one with a tag would be HTML, one with a link an image that a reader's program fetches."""
    images = [IMAGES[0] | {"image": "a|b"}, IMAGES[0] | {"image": "<img src=x onerror=alert(1)>"}, IMAGES[0] | {"image": "![x](http://y)\nz"}]
    write_report(tmp_path / "x.md", {"LR as given": "<b>|"}, ROWS, images)
    text = (tmp_path / "x.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| Set5 ")]
    assert len(lines) == 3
    assert all(line.replace("\\|", "").count("|") == 6 for line in lines)
    assert "<img" not in text and "<b>" not in text
    assert "](http" not in text


def test_a_survey_holds_sets_and_findings(tmp_path):
    sets, findings = [{"set": "A", "images": 3}], [{"file": "a|b.png", "finding": "broken"}]
    for name in ("x.json", "x.csv", "x.md"):
        write_survey(tmp_path / name, {"data": "A"}, sets, findings)
    assert json.loads((tmp_path / "x.json").read_text()) == {"request": {"data": "A"}, "sets": sets, "findings": findings}
    assert (tmp_path / "x.csv").read_text() == "file,finding\na|b.png,broken\n"
    assert "| a\\|b.png | broken" in (tmp_path / "x.md").read_text()


def test_a_file_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VisionfwError, match="cannot be written"):
        write_report(tmp_path / "file" / "x.md", {}, ROWS, IMAGES)
