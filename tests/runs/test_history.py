"""A history is read as it was written."""

import pytest

from visionfw.errors import VisionfwError
from visionfw.runs.history import read_history, write_history

ROWS = [{"step": 10, "loss": 0.5, "val_psnr": 30.25}, {"step": 20, "loss": 0.25, "val_psnr": 31.0}]


def test_rows_survive(tmp_path):
    write_history(tmp_path / "history.csv", ROWS)
    assert read_history(tmp_path / "history.csv") == ROWS


def test_a_run_without_a_validation_has_no_rows(tmp_path):
    assert read_history(tmp_path / "history.csv") == []


@pytest.mark.parametrize("content", ["step,loss\n10,abc\n", "step,loss\n10\n", "step\n1,2\n"])
def test_a_damaged_file_is_reported(tmp_path, content):
    (tmp_path / "history.csv").write_text(content)
    with pytest.raises(VisionfwError, match=r"history\.csv: is damaged"):
        read_history(tmp_path / "history.csv")
