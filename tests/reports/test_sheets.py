"""Images side by side, and the detail where SR improves most."""

import numpy as np
import pytest
from PIL import Image

from visionfw.errors import VisionfwError
from visionfw.reports.sheets import draw_comparison, draw_sheet, find_detail


def test_the_detail_is_where_sr_improves_most_on_bicubic():
    hr = np.full((100, 120, 3), 100, np.uint8)
    bicubic, sr = hr + 10, hr + 10
    sr[40:60, 70:90] = 100  # perfect here
    bicubic[0:20, 0:20], sr[0:20, 0:20] = 250, 250  # bad in both, so no improvement
    assert find_detail(bicubic, sr, hr, 100) == (40, 70, 20)
    assert find_detail(bicubic, sr, hr, 18)[2] == 18


def test_a_comparison_shows_all_images_and_a_detail_of_each(tmp_path):
    image = np.zeros((60, 80, 3), np.uint8)
    draw_comparison(tmp_path / "x.png", [("bicubic", image + 9, 28.0), ("SR", image + 3, 30.0), ("HR", image, None)], "caf\u00e9 $_$")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.width > 3 * 80
        assert picture.height > 60 + 80
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_a_sheet_has_a_row_for_each_name_and_a_column_for_each_caption(tmp_path):
    patches = np.random.default_rng(0).integers(0, 255, (5, 48, 48, 3), np.uint8)
    draw_sheet(tmp_path / "x.png", [("LR", patches), ("HR", patches)], list("abcde"), max_columns=3)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (150 + 3 * (96 + 4), 2 * (96 + 4) + 20)
        np.testing.assert_array_equal(np.asarray(picture)[50, 151], patches[0][25, 0])


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    with pytest.raises(VisionfwError, match=r"nowhere/x\.png: cannot be written: No such file or directory"):
        draw_sheet(tmp_path / "nowhere" / "x.png", [("LR", np.zeros((1, 8, 8, 3), np.uint8))], ["a"])
