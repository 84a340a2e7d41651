"""How LR images are made: steps by name, in order, seeded."""

import math

import numpy as np
import pytest
from PIL import Image

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.imaging.color import luma, to_ycbcr
from visionfw.imaging.degradations.pipeline import CHAINS, STEPS, degradation, degrade
from visionfw.imaging.resize import imresize


@pytest.fixture
def image(photograph):
    return photograph[:120, :180]


def expected_blur(image, sigma, size):
    """A Gaussian window and a repeated border, written out as sums."""
    x = np.arange(size) - size // 2
    window = np.exp(-(x**2) / (2 * sigma**2))
    window = np.outer(window, window) / window.sum() ** 2
    padded = np.pad(image.astype(float), [(size // 2,) * 2, (size // 2,) * 2, (0, 0)], mode="edge")
    height, width = image.shape[:2]
    total = sum(window[i, j] * padded[i : i + height, j : j + width] for i in range(size) for j in range(size))
    return np.floor(total + 0.5).astype(np.uint8)


def test_bicubic_is_matlabs(image):
    np.testing.assert_array_equal(degrade(image, "bicubic", 3), imresize(image, 1 / 3))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_blur_then_bicubic(image, scale):
    np.testing.assert_array_equal(degrade(image, "blur:sigma=1.2+bicubic", scale), imresize(expected_blur(image, 1.2, 9), 1 / scale))


def test_blur_down_is_a_7_by_7_window_and_the_middle_pixel(image):
    np.testing.assert_array_equal(degrade(image, "blur_down", 3), expected_blur(image, 1.6, 7)[1::3, 1::3])
    assert degradation("blur_down:sigma=2", 3).text() == "blur:sigma=2,size=7,channels=all+subsample"


def test_noise_down_adds_noise_of_30_levels_after_bicubic(image):
    gray = np.full_like(image, 128)
    added = degrade(gray, "noise_down", 3).astype(float) - 128
    assert abs(added.mean()) < 1
    assert 28.5 < added.std() < 31.5
    np.testing.assert_array_equal(degrade(image, "noise_down:sigma=0", 3), imresize(image, 1 / 3))


def test_blurring_luma_alone_leaves_the_chroma(image):
    made = degrade(image, "blur:sigma=2,channels=luma", 1)
    np.testing.assert_allclose(to_ycbcr(made)[..., 1:], to_ycbcr(image)[..., 1:], atol=6)  # clipping and rounding of R, G, B
    assert np.abs(np.diff(luma(made))).mean() < 0.7 * np.abs(np.diff(luma(image))).mean()


def test_area_is_the_mean_of_each_square(image):
    expected = [[image[i : i + 4, j : j + 4].reshape(-1, 3).mean(axis=0) for j in range(0, 180, 4)] for i in range(0, 120, 4)]
    np.testing.assert_array_equal(degrade(image, "area", 4), np.floor(np.array(expected) + 0.5).astype(np.uint8))


def test_jpeg_is_pillows_of_that_quality(image, tmp_path):
    Image.fromarray(image).save(tmp_path / "x.jpg", quality=20)
    with Image.open(tmp_path / "x.jpg") as theirs:
        np.testing.assert_array_equal(degrade(image, "jpeg:quality=20", 1), np.array(theirs))


@pytest.mark.parametrize(("kind", "apart"), [("color", True), ("gray", False)])
def test_noise_is_of_each_channel_or_of_all_alike(kind, apart):
    made = degrade(np.full((64, 64, 3), 128, np.uint8), f"noise:sigma=20,kind={kind}", 1)
    assert (made[..., 0] != made[..., 1]).any() == apart


def test_photon_noise_grows_with_the_root_of_the_light():
    for value in (30, 120):
        made = degrade(np.full((200, 200, 3), value, np.uint8), "poisson", 1).astype(float)
        assert made.std() == pytest.approx(math.sqrt(value), rel=0.05)


@pytest.mark.parametrize("name", sorted({*STEPS, *CHAINS}))
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_every_step_keeps_the_contract(image, name, scale):
    """A uint8 image of HR / scale; the same for the same seed; its text gives it back."""
    shrinks = any(STEPS[step.partition(":")[0]].shrinks for step in CHAINS.get(name, name).split("+"))
    text = (name if shrinks else f"{name}+bicubic") if scale > 1 else f"{name}+noise:sigma=1"
    made = degrade(image, text, scale, seed=5)
    assert (made.shape, made.dtype) == ((120 // scale, 180 // scale, 3), np.uint8)
    np.testing.assert_array_equal(degrade(image, text, scale, seed=5), made)
    parsed = degradation(text, scale)
    assert degradation(parsed.text(), scale).steps == parsed.steps
    assert vf.psnr(imresize(made, scale), image) > 12  # it is still the same picture


def test_random_choices_are_the_seeds_and_the_files(image):
    how = degradation("second_order", 4, seed=1)
    assert (how.apply(image, "a.png") == how.apply(image, "a.png")).all()
    assert (how.apply(image, "a.png") != how.apply(image, "b.png")).any()
    assert (how.apply(image, "a.png") != degradation("second_order", 4, seed=2).apply(image, "a.png")).any()


def test_a_range_is_drawn_anew_for_each_image(image):
    how = degradation("blur:sigma=0.1..3+bicubic", 2)
    sharpness = {np.abs(np.diff(how.apply(image, str(number)).astype(float), axis=0)).mean().round(3) for number in range(8)}
    assert len(sharpness) > 5
    assert how.text() == "blur:sigma=0.1..3,size=0,channels=all+bicubic"


@pytest.mark.parametrize(
    ("text", "scale", "sentence"),
    [
        ("bicubik", 4, "no step 'bicubik'; did you mean 'bicubic'"),
        ("blur:sgima=2+bicubic", 4, "blur: no parameter 'sgima'; did you mean 'sigma'"),
        ("blur:sigma=wide+bicubic", 4, "blur: sigma must be a number from 0 to 50, or a range such as 1..3, not 'wide'"),
        ("jpeg:quality=200+bicubic", 4, "jpeg: quality must be a whole number from 1 to 100"),
        ("blur:size=4+bicubic", 4, "blur: size must be one odd number, not '4'"),
        ("blur:channels=y+bicubic", 4, "blur: channels must be all or luma, not 'y'"),
        ("noise:sigma+bicubic", 4, "'sigma' is not KEY=VALUE"),
        ("noise:sigma=10", 4, r"leaves the image as large as it was; for scale 4 add a step that shrinks it: noise:sigma=10\+bicubic"),
        ("bicubic+area", 4, r"shrinks the image more than once \(bicubic, area\)"),
        ("bicubic", 1, "changes nothing at scale 1; name what is to be undone"),
        ("noise:sigma=3..1+bicubic", 2, "sigma must be a number"),
    ],
)
def test_what_is_wrong_is_told(text, scale, sentence):
    with pytest.raises(RequestError, match=sentence):
        degradation(text, scale)


def test_all_problems_are_told_together():
    with pytest.raises(RequestError) as told:
        degradation("blurr+jpeg:quality=0", 2)
    assert len(str(told.value).splitlines()) == 2


def test_an_image_that_cannot_be_shrunk_is_told(image):
    with pytest.raises(RequestError, match="3 x 2 pixels cannot be shrunk by 4"):
        degrade(image[:2, :3], "bicubic", 4)
    with pytest.raises(RequestError, match="an image to degrade is"):
        degrade(image[..., 0], "bicubic", 4)
