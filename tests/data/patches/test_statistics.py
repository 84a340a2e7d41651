"""Statistics of patches, against the same values patch by patch."""

import numpy as np
import pytest
from PIL import Image

from visionfw.data.patches import PatchSource, open_patches
from visionfw.data.patches.statistics import PATCH_STATISTICS, StatisticEntry, patch_statistic
from visionfw.errors import RequestError
from visionfw.imaging.color import luma
from visionfw.imaging.files import write_image
from visionfw.imaging.resize import imresize
from visionfw.metrics.arrays import psnr


@pytest.fixture
def source(tmp_path):
    return open_patches("embedded/test", scale=2, patch_size=12, cache=str(tmp_path))


def bilinear(image, scale):
    return np.asarray(Image.fromarray(image).resize((image.shape[1] * scale, image.shape[0] * scale), Image.Resampling.BILINEAR))


def places_of(source, ids):
    """Yield each patch's number, its image, and where it lies in the HR image."""
    for number, image, row, column in zip(ids, *source.locate(ids), strict=True):
        yield number, image, (slice(2 * row, 2 * row + 24), slice(2 * column, 2 * column + 24))


@pytest.mark.parametrize(("name", "upscale"), [("bicubic_psnr", imresize), ("bilinear_psnr", bilinear)])
@pytest.mark.parametrize("color", ["rgb", "y"])
def test_the_psnr_of_a_patch_is_that_of_its_place_in_the_upscaled_image(source, name, upscale, color):
    values = patch_statistic(source, name, color)
    assert (values.dtype, values.shape) == (np.float32, (len(source),))
    for number, image, place in places_of(source, np.random.default_rng(0).integers(0, len(source), 40)):
        hr, upscaled = source.store.hr_image(image)[place], upscale(np.ascontiguousarray(source.store.lr_image(image)), 2)[place]
        pair = (hr, upscaled) if color == "rgb" else (luma(hr), luma(upscaled))
        assert values[number] == pytest.approx(min(100.0, psnr(*pair)), abs=1e-3)


def test_the_deviation_is_the_lumas(source):
    ids = np.random.default_rng(1).integers(0, len(source), 40)
    expected = [luma(hr).std() for hr in source.read(ids)[1]]
    np.testing.assert_allclose(patch_statistic(source, "deviation")[ids], expected, atol=1e-3)


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_headroom_is_the_squared_error_that_a_step_of_back_projection_removes(source, color):
    values = patch_statistic(source, "headroom", color)
    channels = luma if color == "y" else np.asarray
    for number, image, place in places_of(source, np.random.default_rng(2).integers(0, len(source), 40)):
        hr, lr = (read(image).astype(np.float64) for read in (source.store.hr_image, source.store.lr_image))
        plain = imresize(lr, 2)
        projected = plain + imresize(lr, 2) - imresize(imresize(plain, 0.5), 2)
        before, after = (np.mean((channels(hr[place]) - channels(image[place])) ** 2) for image in (plain, projected))
        assert values[number] == pytest.approx(before - after, abs=1e-2)
    assert (values > 0).mean() > 0.9


def test_at_scale_1_the_whole_error_is_headroom(tmp_path):
    same = open_patches("embedded/test", scale=1, patch_size=12, degradation="noise:sigma=25", cache=str(tmp_path))
    np.testing.assert_allclose(10 * np.log10(255**2 / patch_statistic(same, "headroom")), patch_statistic(same, "bicubic_psnr"), atol=1e-3)


def test_they_are_computed_once_and_kept_beside_the_store(source):
    progress = []
    first = patch_statistic(source, "bicubic_psnr", progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (len(source.store), len(source.store))
    progress.clear()
    np.testing.assert_array_equal(patch_statistic(source, "bicubic_psnr", progress=lambda done, total: progress.append(done)), first)
    assert progress == []
    (kept,) = source.store.folders[0].glob("bicubic_psnr_*.npy")
    kept.write_bytes(kept.read_bytes()[:100])
    np.testing.assert_array_equal(patch_statistic(source, "bicubic_psnr"), first)


def test_another_version_is_computed_anew(source):
    def entry(value, version):
        return StatisticEntry(name="constant", target=lambda grid, color: np.full(len(grid.top) * len(grid.left), value), version=version)

    for value, version, expected in ((1.0, 1, 1.0), (2.0, 1, 1.0), (2.0, 2, 2.0)):
        with PATCH_STATISTICS.temporary(entry(value, version)):
            assert set(patch_statistic(source, "constant").tolist()) == {expected}


def test_an_unknown_statistic_is_refused_with_the_nearest(source):
    with pytest.raises(RequestError, match="no patch statistic 'bicubic_psn'; did you mean 'bicubic_psnr'"):
        patch_statistic(source, "bicubic_psn")


def test_other_patches_have_other_values(source):
    other = PatchSource(source.store, 16, 5)
    assert patch_statistic(other, "bicubic_psnr").shape == (len(other),)
    assert patch_statistic(source, "bicubic_psnr").shape == (len(source),)


def test_several_sets_are_joined(tmp_path, image_folder):
    def statistic(names):
        return patch_statistic(open_patches(names, scale=2, patch_size=12, cache=str(tmp_path)), "bicubic_psnr")

    joined = statistic(f"embedded/test,{image_folder}")
    np.testing.assert_array_equal(joined, np.concatenate([statistic("embedded/test"), statistic(str(image_folder))]))


def test_images_without_a_patch_are_left_out(tmp_path, image_folder, photograph):
    for number, (height, width) in enumerate([(3, 50), (2, 2), (30, 200)]):
        write_image(image_folder / f"small{number}.png", photograph[:height, :width])
    source = open_patches(str(image_folder), scale=4, patch_size=12, cache=str(tmp_path))
    for name in ("bicubic_psnr", "deviation"):
        assert patch_statistic(source, name).shape == (len(source),)


def test_a_cache_that_may_not_be_written_is_no_hindrance(source, monkeypatch):
    def refuse(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    assert patch_statistic(source, "bicubic_psnr").shape == (len(source),)
