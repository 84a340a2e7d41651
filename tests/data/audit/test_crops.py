"""Crops of images are located, and nothing else is taken for one."""

import numpy as np
import pytest

from visionfw.data.audit.crops import correlations, find_crops
from visionfw.data.datasets import find_sets
from visionfw.imaging.files import write_image


def test_the_correlation_is_numpys_at_every_place():
    random = np.random.default_rng(0)
    whole, part = random.normal(size=(13, 17)), random.normal(size=(5, 6))
    similarity = correlations(part, whole)
    assert similarity.shape == (9, 12)
    for row, column in ((0, 0), (3, 7), (8, 11)):
        assert similarity[row, column] == pytest.approx(np.corrcoef(part.ravel(), whole[row : row + 5, column : column + 6].ravel())[0, 1])


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_crop_is_found_at_its_place(tmp_path, photograph, suffix):
    places = {"a": (17, 33, 96, 120), "b": (101, 202, 64, 77), "c": (0, 0, 200, 300)}
    for name, (row, column, height, width) in places.items():
        write_image(tmp_path / f"{name}{suffix}", photograph[row : row + height, column : column + width])
    write_image(tmp_path / "whole.png", photograph)
    parts = sorted(tmp_path.glob(f"[abc]{suffix}"))
    crops = list(find_crops(parts, [tmp_path / "whole.png"]))
    assert [(crop.part, crop.row, crop.column) for crop in crops] == [(number, *place[:2]) for number, place in enumerate(places.values())]
    assert min(crop.similarity for crop in crops) > 0.97


def test_other_photographs_are_no_crops(tmp_path, photograph):
    (images,) = find_sets("embedded/train")
    write_image(tmp_path / "part.png", photograph[40:140, 60:180])
    write_image(tmp_path / "flat.png", np.full((64, 64, 3), 90, np.uint8))
    assert list(find_crops(sorted(tmp_path.glob("*.png")), images.hr)) == []
