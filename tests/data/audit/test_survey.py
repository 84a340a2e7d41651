"""A survey of image sets before any training."""

import shutil

import numpy as np
import pytest
from PIL import Image

from visionfw import degrade
from visionfw.data.audit.survey import survey
from visionfw.data.datasets import find_sets
from visionfw.imaging.files import read_image, write_image
from visionfw.imaging.resize import imresize


@pytest.fixture
def pairs(tmp_path, photograph):
    """Four images with MATLAB's LR images for scale 2."""
    hr, lr = tmp_path / "Pairs" / "HR", tmp_path / "Pairs" / "LR_bicubic" / "X2"
    hr.mkdir(parents=True), lr.mkdir(parents=True)
    for number, (top, left) in enumerate([(0, 0), (0, 200), (150, 0), (150, 200)]):
        image = photograph[top : top + 120, left : left + 160]
        write_image(hr / f"{number}.png", image)
        write_image(lr / f"{number}x2.png", imresize(image, 1 / 2))
    return tmp_path / "Pairs"


def survey_of(train, test=(), scale=2, patch_size=24):
    def sets(names):
        return [images for name in names for images in find_sets(str(name), scale=scale)]

    return survey(sets([train] if not isinstance(train, list) else train), sets(test), scale, patch_size)


def texts(result, kind):
    return [f"{finding.file.rpartition('/')[2]} {finding.text}" for finding in result.findings if finding.kind == kind]


def test_a_good_set_has_no_findings(pairs):
    result = survey_of(pairs)
    assert result.findings == ()
    assert not result.errors
    assert result.sets[0] == {"dataset": str(pairs), "images": 4, "readable": 4, "megapixels": 0.1, "smallest": "160x120", "largest": "160x120"}


def test_a_missing_lr_image_and_one_too_many(pairs):
    (pairs / "LR_bicubic/X2/1x2.png").rename(pairs / "LR_bicubic/X2/other.png")
    result = survey_of(pairs)
    assert len(texts(result, "unpaired")) == 2
    assert "no LR image 1x2.png" in texts(result, "unpaired")[0]
    assert texts(result, "unpaired")[1] == "other.png an LR image without an HR image"
    assert result.errors


def test_an_lr_image_of_another_scale(pairs):
    write_image(pairs / "LR_bicubic/X2/1x2.png", imresize(read_image(pairs / "HR/1.png"), 1 / 4))
    (text,) = texts(survey_of(pairs), "wrong size of LR")
    assert text == "1.png 1x2.png has 40 x 30 pixels, for scale 2 it must have 80 x 60; it seems to be of scale 4"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda hr: np.asarray(Image.fromarray(hr).resize((80, 60), Image.Resampling.BICUBIC)), "Pillow's bicubic"),
        (lambda hr: np.asarray(Image.fromarray(hr).resize((80, 60), Image.Resampling.LANCZOS)), "Pillow's Lanczos"),
        (lambda hr: degrade(hr, "area", 2), "the mean of each square (area, box)"),
        (lambda hr: degrade(hr, "blur_down", 2), "Gaussian blur of 1.6, then every scale-th pixel (BD)"),
        (lambda hr: hr[::2, ::2], "every scale-th pixel, the middle one"),
        (lambda hr: np.floor(np.clip(imresize(hr.astype(float), 1 / 2), 0, 255) + 0.5).astype(np.uint8), "MATLAB's bicubic of floats, rounded once"),
        (lambda hr: degrade(imresize(hr, 1 / 2), "jpeg:quality=97", 1), "MATLAB's bicubic, then compressed or changed"),
    ],
)
def test_another_filter_is_named(pairs, make, name):
    write_image(pairs / "LR_bicubic/X2/2x2.png", make(read_image(pairs / "HR/2.png")))
    (text,) = texts(survey_of(pairs), "not MATLAB's bicubic")
    assert text.startswith(f"2.png 2x2.png seems to be {name} (")
    assert text.endswith("gray levels off)")


def test_degraded_lr_images_are_a_note(pairs):
    (pairs / "LR_bicubic").rename(pairs / "LR_degraded")
    (pairs / "LR_degraded/X2/degradation.json").write_text('{"degradation": "blur:sigma=2+bicubic", "scale": 2, "seed": 0}')
    result = survey_of(pairs)
    assert texts(result, "degraded LR") == [" its LR images were made by 'blur:sigma=2+bicubic'"]
    assert not result.errors


def test_small_images_are_notes_unless_all_are(pairs, photograph):
    write_image(pairs / "HR/small.png", photograph[:20, :40])
    write_image(pairs / "LR_bicubic/X2/smallx2.png", imresize(photograph[:20, :40], 1 / 2))
    result = survey_of(pairs)
    assert texts(result, "too small") == ["small.png 40 x 20 pixels: smaller than a patch of 48 x 48 HR pixels"]
    assert not result.errors
    assert survey_of(pairs, patch_size=200).errors


def test_mixed_formats_are_noted(pairs, photograph):
    Image.fromarray(photograph[30:150, 100:260]).convert("L").save(pairs / "HR/1.png")
    write_image(pairs / "LR_bicubic/X2/1x2.png", imresize(read_image(pairs / "HR/1.png"), 1 / 2))
    assert texts(survey_of(pairs), "mixed formats") == [" gray: 1 of 4: 1.png; read as RGB of 8 bits, upright"]


def test_duplicates_within_and_leakage_across(pairs, tmp_path, photograph):
    other = tmp_path / "Other"
    other.mkdir()
    shutil.copy(pairs / "HR/0.png", other / "renamed.png")  # the same pixels
    Image.fromarray(read_image(pairs / "HR/1.png")).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other / "flipped.jpg", quality=60)
    Image.fromarray(read_image(pairs / "HR/2.png")).resize((100, 75)).rotate(90, expand=True).save(other / "small_rotated.png")
    write_image(other / "new.png", photograph[100:220, 100:260])
    result = survey_of(pairs, [other])
    assert len(texts(result, "leakage")) == 3
    assert "the same pixels as" in texts(result, "leakage")[0]
    assert "the same picture (similarity 0.99" in texts(result, "leakage")[1]
    assert "in a training and in a test set" in texts(result, "leakage")[2]
    assert result.errors
    both = survey_of([pairs, other])
    assert len(texts(both, "duplicate")) == 1
    assert len(texts(both, "near-duplicate")) == 2
    assert not both.errors


def test_another_number_of_images_than_published_is_noted(pairs, tmp_path):
    pairs.rename(tmp_path / "Set5")
    (text,) = texts(survey_of(tmp_path / "Set5"), "number of images")
    assert text == " 4 images, but Set5 has 5; scores will not compare with published ones"


def test_flat_images_are_no_duplicates_of_each_other(tmp_path):
    for number, value in enumerate((0, 128, 255)):
        write_image(tmp_path / f"{number}.png", np.full((100, 100, 3), value, np.uint8))
    assert survey_of(tmp_path).findings == ()
