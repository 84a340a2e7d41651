"""The same picture is recognized, different ones are not."""

import numpy as np
import pytest
from PIL import Image

from visionfw.data.audit.near_duplicates import MIN_SIMILARITY, find_duplicates, find_matches, signature, stack_signatures
from visionfw.data.datasets import find_sets
from visionfw.imaging.files import read_image


@pytest.mark.parametrize("number", range(8))
def test_any_flip_or_rotation_is_recognized(photograph, number):
    transformed = np.rot90(photograph, number % 4)
    transformed = transformed[:, ::-1] if number >= 4 else transformed
    ((_, _, similarity),) = find_matches(stack_signatures([signature(photograph)]), stack_signatures([signature(np.ascontiguousarray(transformed))]))
    assert similarity > 0.999


@pytest.mark.parametrize(
    "change", [lambda image: image.resize((200, 130)), lambda image: image.convert("L").convert("RGB"), lambda image: image.crop((2, 3, 448, 299))]
)
def test_another_size_gray_or_a_cut_edge_is_recognized(photograph, change):
    changed = np.asarray(change(Image.fromarray(photograph)))
    assert len(list(find_matches(stack_signatures([signature(photograph)]), stack_signatures([signature(changed)])))) == 1


def test_flat_images_are_similar_to_nothing():
    flat = stack_signatures([signature(np.full((50, 50, 3), 99, np.uint8))])
    assert list(find_matches(flat, flat)) == []


def test_bsd100_is_found_in_bsds500_and_different_photographs_lie_apart(benchmark_data):
    root = str(benchmark_data.parent)
    sets = [find_sets(name, root)[0] for name in ("benchmark/BSD100", "train/BSDS500/val", "train/BSDS500/train")]
    test, val, train = (stack_signatures([signature(read_image(path)) for path in images.hr]) for images in sets)
    names = [[path.stem for path in images.hr] for images in sets]
    assert {(names[0][i], names[1][j]) for i, j, _ in find_matches(test, val)} == {(name, name) for name in names[0]}
    assert list(find_matches(test, train)) == []
    nearest = max(similarity for _, _, similarity in find_matches(test, train, 0.8))
    print(f"different photographs of BSD100 and BSDS500/train: {nearest:.3f} at most")
    assert nearest < MIN_SIMILARITY - 0.03


def test_duplicates_in_one_list_are_found_once(photograph):
    pictures = [photograph[:150], photograph[150:], np.ascontiguousarray(photograph[:150, ::-1])]
    ((first, second, similarity),) = find_duplicates(stack_signatures([signature(picture) for picture in pictures]))
    assert (first, second) == (0, 2)
    assert similarity > 0.999
