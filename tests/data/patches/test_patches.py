"""A patch is a number."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import visionfw as vf
from visionfw.data.cache.store import Store
from visionfw.data.patches import PatchSource
from visionfw.data.patches.statistics import patch_statistic
from visionfw.errors import RequestError


def store_of(sizes, scale=2):
    """Make a store whose every pixel holds its image, row and column."""
    lr, hr = [], []
    for number, (height, width) in enumerate(sizes):
        for factor, side in ((1, lr), (scale, hr)):
            row, column = np.mgrid[: height * factor, : width * factor]
            side.append(np.stack([np.full_like(row, number), row, column], axis=-1).reshape(-1, 3).astype(np.uint8))
    sizes = np.array(sizes, np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]])
    flat = [(np.concatenate(side).reshape(-1),) for side in (lr, hr)]
    return Store(tuple(map(str, range(len(sizes)))), sizes, offsets, np.zeros(len(sizes), int), *flat, scale)


@st.composite
def sources(draw):
    sizes = draw(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=5))
    patch = draw(st.integers(1, max(min(size) for size in sizes)))
    return PatchSource(store_of(sizes, draw(st.integers(1, 4))), patch, draw(st.integers(1, 7)))


@given(sources(), st.data())
@settings(max_examples=60)
def test_number_to_place_and_back(source, data):
    ids = np.array(data.draw(st.lists(st.integers(0, len(source) - 1), min_size=1, max_size=20)))
    image, row, column = source.locate(ids)
    np.testing.assert_array_equal(source.number(image, row, column), ids)
    assert (row + source.patch_size <= source.store.sizes[image, 0]).all()
    assert (column + source.patch_size <= source.store.sizes[image, 1]).all()


@given(sources())
@settings(max_examples=30)
def test_every_place_on_the_grid_has_one_number(source):
    places = set(zip(*(part.tolist() for part in source.locate(np.arange(len(source)))), strict=True))
    expected = {
        (image, row, column)
        for image, (height, width) in enumerate(source.store.sizes.tolist())
        for row in range(0, height - source.patch_size + 1, source.stride)
        for column in range(0, width - source.patch_size + 1, source.stride)
    }
    assert places == expected


@given(sources(), st.data())
@settings(max_examples=60)
def test_reading_gives_the_pixels_of_the_place_in_both_resolutions(source, data):
    ids = np.array(data.draw(st.lists(st.integers(0, len(source) - 1), min_size=1, max_size=6)))
    lr, hr = source.read(ids)
    for patch, size, factor in ((lr, source.patch_size, 1), (hr, source.patch_size * source.scale, source.scale)):
        for one, (image, row, column) in zip(patch, zip(*source.locate(ids), strict=True), strict=True):
            expected = np.stack(np.broadcast_arrays(image, row * factor + np.arange(size)[:, None], column * factor + np.arange(size)), axis=-1)
            np.testing.assert_array_equal(one, expected.astype(np.uint8))


def test_numbers_outside_are_refused():
    source = PatchSource(store_of([(8, 8)]), 4, 4)
    for wrong in (-1, len(source)):
        with pytest.raises(IndexError, match="patch numbers go from 0 to 3"):
            source.read(np.array([wrong]))


def test_a_patch_larger_than_every_image_is_refused():
    with pytest.raises(RequestError, match=r"patch_size 20: no LR image is that large \(the largest are 9 high or 30 wide\)"):
        PatchSource(store_of([(9, 30), (8, 8)]), 20)


def test_opening_a_folder_shrinks_whole_images_and_cuts_aligned_patches(image_folder):
    source = vf.data.open(str(image_folder), scale=2, patch_size=16, stride=5)
    lr, hr = source.read(np.arange(0, len(source), 7))
    assert lr.shape[1:] == (16, 16, 3)
    assert hr.shape[1:] == (32, 32, 3)
    for small, large in zip(lr, hr, strict=True):
        inner = vf.imresize(large, 1 / 2)[3:-3, 3:-3].astype(int)
        assert np.abs(inner - small[3:-3, 3:-3]).max() <= 1


def test_a_billion_patches_take_less_than_100_mib(root, tmp_path):
    """400 images of 1605 x 1605 LR pixels, a patch at every pixel; the pixels are holes in sparse files."""
    height = width = 1605
    images = [{"path": f"{n}.png", "size": [height, width], "offset": n * height * width, "checksum": 0, "format_notes": []} for n in range(400)]
    (tmp_path / "index.json").write_text(json.dumps({"scale": 2, "images": images, "skipped": []}))
    for name, factor in (("lr.u8", 1), ("hr.u8", 4)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(3 * 400 * height * width * factor)
    code = f"""
import resource
from pathlib import Path
import numpy as np
from visionfw.data.patches.statistics import patch_statistic
from visionfw.data.patches import PatchSource
from visionfw.data.cache.store import open_store
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = PatchSource(open_store(Path({str(tmp_path)!r})), 24, stride=1)
lr, hr = source.read(np.random.default_rng(0).integers(len(source), size=64))
print(len(source), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, lr.shape, hr.shape)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    count, mib = (float(part) for part in done.stdout.split()[:2])
    assert count == 400 * 1582**2 > 1e9
    assert mib < 100


def test_fewer_patches_are_some_of_them_numbered_anew(image_folder):
    source = vf.data.open(str(image_folder), scale=2, patch_size=16)
    few = source.limited(20, seed=3)
    assert len(few) == 20
    assert len(source.limited(10**9)) == len(source)
    assert (np.diff(few.chosen) > 0).all()
    for ours, theirs in zip(few.read(np.arange(20)), source.read(few.chosen), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(source.limited(20, seed=3).chosen, few.chosen)
    with pytest.raises(IndexError, match="patch numbers go from 0 to 19"):
        few.read(np.array([20]))
    np.testing.assert_array_equal(patch_statistic(few, "bicubic_psnr"), patch_statistic(source, "bicubic_psnr")[few.chosen])
