"""Degradations as they are written, and steps added from outside."""

import sys

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.imaging.degradations import DEGRADATION_STEPS, parse_degradation
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.registry import Spec


@pytest.fixture(autouse=True)
def restored_steps(restored):
    restored(DEGRADATION_STEPS)


def test_a_text_becomes_steps_with_all_their_options():
    spec = parse_degradation("blur:sigma=0.5..2 + bicubic+ jpeg:40")
    assert spec.steps == (Spec("blur", {"sigma": (0.5, 2.0), "size": 0, "channels": "all"}), Spec("bicubic", {}), Spec("jpeg", {"quality": 40}))
    assert str(spec) == "blur:sigma=0.5..2,size=0,channels=all+bicubic+jpeg:quality=40"


@pytest.mark.parametrize("name", list(DEGRADATION_STEPS))
def test_the_canonical_text_gives_the_degradation_back(name):
    spec = parse_degradation(f"jpeg:quality=30..60+{name}")
    assert parse_degradation(str(spec)) == spec
    assert hash(parse_degradation(str(spec))) == hash(spec)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("blur_bicubic", "blur:sigma=1.6,size=0,channels=all+bicubic"),
        ("blur_down", "blur:sigma=1.6,size=7,channels=all+subsample"),
        ("blur_down:sigma=2", "blur:sigma=2,size=7,channels=all+subsample"),
        ("noise_down", "bicubic+noise:sigma=30,kind=color"),
        ("real_esrgan", "second_order:sigma=3,noise_sigma=30,quality=30"),
        ("real_esrgan:quality=60", "second_order:sigma=3,noise_sigma=30,quality=60"),
        ("original", "bicubic"),
        ("distorted", "blur:sigma=1.6,size=0,channels=all+bicubic"),
    ],
)
def test_a_named_chain_is_its_steps(name, text):
    assert str(parse_degradation(name)) == text


def test_novel_is_bicubic_at_twice_a_models_scale():
    spec = parse_degradation("novel")
    assert str(spec) == "novel"
    degradation = Degradation.for_model(spec, model_scale=3)
    assert (degradation.is_bicubic, degradation.scale, str(degradation)) == (True, 6, "bicubic")
    assert spec.problems_at(4) == ["'novel' makes LR images at 2 times a model's scale, for evaluation alone; use bicubic"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bicubik", "no degradation step 'bicubik'; did you mean 'bicubic'?"),
        ("blur:sgima=2+bicubic", "blur: no option 'sgima'; did you mean 'sigma'?"),
        ("blur:sigma=wide+bicubic", "blur: sigma must be a number from 0 to 50, or a range such as 1..3, not 'wide'"),
        ("jpeg:quality=200+bicubic", "jpeg: quality must be a whole number from 1 to 100, or a range such as 1..3, not '200'"),
        ("blur:size=4+bicubic", "blur: size must be odd, not 4"),
        ("blur:channels=y+bicubic", "blur: channels must be one of all, luma, not 'y'"),
        ("noise:sigma+bicubic", "noise: 'sigma' is not OPTION=VALUE; noise takes sigma, kind"),
        ("noise:sigma=1,sigma=2+bicubic", "noise: sigma is given twice"),
        ("noise:sigma=3..1+bicubic", "noise: sigma must be a number from 0 to 255, or a range such as 1..3, not '3..1'"),
        ("noise:sigma=1..2..3+bicubic", "noise: sigma must be a number from 0 to 255, or a range such as 1..3, not '1..2..3'"),
        ("bicubic:x=1", "bicubic takes no options, but 'x=1' is given"),
        ("blur_down:sgima=2", "blur_down: no option 'sgima'; did you mean 'sigma'?"),
        ("bicubic+area", "'bicubic+area' shrinks the image more than once (bicubic, area); keep one of these steps"),
        ("", "a degradation is steps joined by '+', such as blur:sigma=1.6+bicubic, not ''"),
        (
            "blurr+jpeg:quality=0",
            "no degradation step 'blurr'; did you mean 'blur'?\n--degradation: jpeg: quality must be a whole number from 1 to 100, or a range such as 1..3, not '0'",
        ),
    ],
)
def test_a_wrong_text_is_refused_without_a_scale(text, sentence):
    with pytest.raises(RequestError) as caught:
        parse_degradation(text)
    assert str(caught.value) == f"--degradation: {sentence}"


@pytest.mark.parametrize(
    ("text", "scale", "sentence"),
    [
        ("noise:sigma=10", 4, "'noise:sigma=10,kind=color' does not shrink the image; for scale 4 add a step that does: noise:sigma=10,kind=color+bicubic"),
        ("bicubic", 1, "'bicubic' changes nothing at scale 1; name what is to be undone, such as noise:sigma=25 or jpeg:quality=20"),
    ],
)
def test_what_does_not_suit_the_scale_is_refused_with_the_scale(text, scale, sentence):
    spec = parse_degradation(text)
    assert spec.problems_at(scale) == [sentence]
    with pytest.raises(RequestError) as caught:
        Degradation(spec, scale)
    assert str(caught.value) == f"--degradation: {sentence}"


@pytest.mark.parametrize(("scale", "seed", "sentence"), [(0, 0, "scale must be"), (2.0, 0, "scale must be"), (2, -1, "seed must be")])
def test_the_scale_and_the_seed_are_checked(scale, seed, sentence):
    with pytest.raises(RequestError, match=sentence):
        Degradation.parse("bicubic", scale, seed)


def test_a_step_from_outside_is_one_function(photograph):
    @vf.register_degradation
    def invert(image, *, random, strength=2, share=0.5, soft=False, where="all"):
        """Invert the colors of some rows."""
        assert 2 <= strength <= 3
        assert (soft, where) == (True, "rows")
        rows = random.random(len(image)) < share
        return np.where(rows[:, None, None], 255 - image, image)

    image = photograph[:80, :90]
    text = "invert:strength=2..3,share=1,soft=true,where=rows+bicubic"
    np.testing.assert_array_equal(vf.degrade(image, text, 2), vf.imresize(255 - image, 1 / 2))
    assert "Invert the colors of some rows. (strength=2, share=0.5, soft=false, where=all)" in DEGRADATION_STEPS.summaries()["invert"]
    assert str(parse_degradation("invert:strength=3")) == "invert:strength=3,share=0.5,soft=false,where=all"


def test_a_step_from_outside_may_shrink(photograph):
    @vf.register_degradation(name="corner", shrinks=True)
    def upper_left(image, *, scale):
        return image[::scale, ::scale]

    image = photograph[:80, :90]
    np.testing.assert_array_equal(vf.degrade(image, "corner", 2), image[::2, ::2])
    with pytest.raises(RequestError, match=r"shrinks the image more than once \(corner, area\)"):
        parse_degradation("corner+area")


def wrong_type(image):
    return image / 255


def wrong_size(image):
    return image[1:]


def not_an_image(image):
    return None


@pytest.mark.parametrize(
    ("function", "found"), [(wrong_type, r"not \(8, 8, 3\) float64"), (wrong_size, r"not \(7, 8, 3\) uint8"), (not_an_image, "not NoneType")]
)
def test_a_step_that_returns_no_such_image_is_reported(function, found):
    vf.register_degradation(function)
    with pytest.raises(RequestError, match=rf"degradation step {function.__name__}: must return a uint8 image of shape \(8, 8, 3\), {found}"):
        vf.degrade(np.zeros((8, 8, 3), np.uint8), f"{function.__name__}+bicubic", 2)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda image, sigma: image, "takes the image alone by position"),
        (lambda image, *, table=(): image, "'table' must be a keyword-only argument whose default is a number, a bool or a text"),
        (lambda image, *, sigma: image, "'sigma' must be a keyword-only argument whose default"),
        (lambda image, **options: image, "'options' must be a keyword-only argument"),
        (3, "a degradation step is a function, not 3"),
    ],
)
def test_a_function_that_cannot_be_a_step_is_refused(function, sentence):
    with pytest.raises(RequestError, match=sentence):
        vf.register_degradation(function, name="refused")
    assert "refused" not in DEGRADATION_STEPS


def test_a_taken_name_is_refused():
    with pytest.raises(RequestError, match="a degradation step 'blur' is registered already"):
        vf.register_degradation(lambda image: image, name="blur")


def test_the_version_follows_the_code():
    vf.register_degradation(wrong_type, name="one")
    vf.register_degradation(wrong_size, name="two")
    vf.register_degradation(not_an_image, name="three", version="7")
    one, two, three = (parse_degradation(name).version for name in ("one", "two", "three"))
    assert one.removeprefix("one ") != two.removeprefix("two ")
    assert three == "three 7"
    assert parse_degradation("blur+bicubic").version == "blur 1+bicubic 1"


def test_the_table_needs_neither_scipy_nor_pillow(root):
    import subprocess

    code = "import visionfw.imaging.degradations, sys; print([name for name in ('PIL', 'scipy', 'keras') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout.strip() == "[]"
