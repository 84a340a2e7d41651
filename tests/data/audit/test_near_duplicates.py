"""The same picture is recognized, different ones are not."""

import numpy as np
import pytest
from PIL import Image

from visionfw.data.audit.near_duplicates import SAME, alike, signature, stacked
from visionfw.data.datasets import find_sets
from visionfw.imaging.files import read_image


@pytest.mark.parametrize("turn", range(8))
def test_any_turn_is_recognized(photograph, turn):
    turned = np.rot90(photograph, turn % 4)
    turned = turned[:, ::-1] if turn >= 4 else turned
    ((_, _, likeness),) = alike(stacked([signature(photograph)]), stacked([signature(np.ascontiguousarray(turned))]))
    assert likeness > 0.999


@pytest.mark.parametrize(
    "change", [lambda image: image.resize((200, 130)), lambda image: image.convert("L").convert("RGB"), lambda image: image.crop((2, 3, 448, 299))]
)
def test_another_size_gray_or_a_cut_edge_is_recognized(photograph, change):
    changed = np.asarray(change(Image.fromarray(photograph)))
    assert len(list(alike(stacked([signature(photograph)]), stacked([signature(changed)])))) == 1


def test_flat_images_are_like_nothing():
    flat = stacked([signature(np.full((50, 50, 3), 99, np.uint8))])
    assert list(alike(flat, flat)) == []


def test_bsd100_is_found_in_bsds500_and_different_photographs_lie_apart(benchmark_data):
    root = str(benchmark_data.parent)
    sets = [find_sets(name, root)[0] for name in ("benchmark/BSD100", "train/BSDS500/val", "train/BSDS500/train")]
    test, val, train = (stacked([signature(read_image(path)) for path in images.hr]) for images in sets)
    names = [[path.stem for path in images.hr] for images in sets]
    assert {(names[0][i], names[1][j]) for i, j, _ in alike(test, val)} == {(name, name) for name in names[0]}
    assert list(alike(test, train)) == []
    nearest = max(likeness for _, _, likeness in alike(test, train, 0.8))
    print(f"different photographs of BSD100 and BSDS500/train: {nearest:.3f} at most")
    assert nearest < SAME - 0.03
