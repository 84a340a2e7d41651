"""What is known of patches, against the same figures patch by patch."""

import numpy as np
import pytest
from PIL import Image

from visionfw.data.patch_statistics import deviation, enlargement_psnr, headroom
from visionfw.data.patches import PatchSource, open_patches
from visionfw.imaging.color import luma
from visionfw.imaging.resize import imresize
from visionfw.metrics.arrays import psnr


@pytest.fixture
def source(tmp_path):
    return open_patches("embedded/test", scale=2, patch_size=12, cache=str(tmp_path))


def bilinear(image, scale):
    return np.asarray(Image.fromarray(image).resize((image.shape[1] * scale, image.shape[0] * scale), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(("name", "enlarge"), [("bicubic", imresize), ("bilinear", bilinear)])
@pytest.mark.parametrize("color", ["rgb", "y"])
def test_the_psnr_of_a_patch_is_that_of_its_place_in_the_enlarged_image(source, name, enlarge, color):
    made = enlargement_psnr(source, name, color)
    assert (made.dtype, made.shape) == (np.float32, (len(source),))
    ids = np.random.default_rng(0).integers(0, len(source), 40)
    for number, image, row, column in zip(ids, *source.locate(ids), strict=True):
        place = slice(2 * row, 2 * row + 24), slice(2 * column, 2 * column + 24)
        hr, enlarged = source.store.hr_image(image)[place], enlarge(np.ascontiguousarray(source.store.lr_image(image)), 2)[place]
        pair = (hr, enlarged) if color == "rgb" else (luma(hr), luma(enlarged))
        assert made[number] == pytest.approx(min(100.0, psnr(*pair)), abs=1e-3)


def test_the_deviation_is_the_lumas(source):
    ids = np.random.default_rng(1).integers(0, len(source), 40)
    expected = [luma(hr).std() for hr in source.read(ids)[1]]
    np.testing.assert_allclose(deviation(source)[ids], expected, atol=1e-3)


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_headroom_is_what_a_step_of_back_projection_takes_off_the_squared_error(source, color):
    made = headroom(source, color)
    ids = np.random.default_rng(2).integers(0, len(source), 40)
    for number, image, row, column in zip(ids, *source.locate(ids), strict=True):
        place = slice(2 * row, 2 * row + 24), slice(2 * column, 2 * column + 24)
        hr, lr = (read(image).astype(np.float64) for read in (source.store.hr_image, source.store.lr_image))
        plain = imresize(lr, 2)
        mended = plain + imresize(lr, 2) - imresize(imresize(plain, 0.5), 2)
        of = luma if color == "y" else np.asarray
        before, after = (np.mean((of(hr[place]) - of(image[place])) ** 2) for image in (plain, mended))
        assert made[number] == pytest.approx(before - after, abs=1e-2)
    assert (made > 0).mean() > 0.9


def test_where_nothing_is_enlarged_the_whole_error_can_be_gained(tmp_path):
    same = open_patches("embedded/test", scale=1, patch_size=12, degradation="noise:sigma=25", cache=str(tmp_path))
    np.testing.assert_allclose(10 * np.log10(255**2 / headroom(same)), enlargement_psnr(same), atol=1e-3)


def test_they_are_computed_once_and_kept_beside_the_store(source, monkeypatch):
    from visionfw.data import patch_statistics as difficulty

    told = []
    first = enlargement_psnr(source, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(source.store), len(source.store))
    monkeypatch.setitem(difficulty._ENLARGE, "bicubic", None)
    again = enlargement_psnr(source)
    np.testing.assert_array_equal(first, again)
    (kept,) = source.store.folders[0].glob("bicubic_psnr_*.npy")
    kept.write_bytes(kept.read_bytes()[:100])
    monkeypatch.undo()
    np.testing.assert_array_equal(enlargement_psnr(source), first)


def test_other_patches_are_other_figures(source):
    other = PatchSource(source.store, 16, 5)
    assert enlargement_psnr(other).shape == (len(other),)
    assert enlargement_psnr(source).shape == (len(source),)


def test_several_sets_are_put_together(tmp_path, image_folder):
    both = open_patches(f"embedded/test,{image_folder}", scale=2, patch_size=12, cache=str(tmp_path))
    apart = [enlargement_psnr(open_patches(name, scale=2, patch_size=12, cache=str(tmp_path))) for name in ("embedded/test", str(image_folder))]
    np.testing.assert_array_equal(enlargement_psnr(both), np.concatenate(apart))


def test_images_without_a_patch_have_no_figure(tmp_path, image_folder, photograph):
    from visionfw.imaging.files import write_image

    for number, (height, width) in enumerate([(3, 50), (2, 2), (30, 200)]):
        write_image(image_folder / f"small{number}.png", photograph[:height, :width])
    made = open_patches(str(image_folder), scale=4, patch_size=12, cache=str(tmp_path))
    assert enlargement_psnr(made).shape == deviation(made).shape == (len(made),)


def test_a_cache_that_may_not_be_written_is_no_hindrance(source, monkeypatch):
    def refuse(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    assert enlargement_psnr(source).shape == (len(source),)
