"""More than thirty kinds of broken and odd files are checked, cached and trained around: no traceback, no hang, nothing missed."""

import os
from pathlib import Path

import pytest
from odd_files import BROKEN, ODD, write_odd_files

from visionfw.data.audit.survey import survey
from visionfw.data.cache import open_sets
from visionfw.data.datasets import find_sets
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import ImageError, read_header, read_image
from visionfw.imaging.pictures import read_picture, write_picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    images = tmp_path_factory.mktemp("odd") / "images"
    write_odd_files(images, read_image(find_sets("embedded/test")[0].hr[1]))
    return images


def test_there_are_more_than_thirty_kinds(folder):
    assert len(BROKEN | ODD) > 50
    assert {path.name for path in folder.iterdir()} >= BROKEN | ODD


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_file_is_reported_in_one_line(folder, name):
    with pytest.raises(ImageError) as caught:
        read_image(folder / name)
    assert str(caught.value).startswith(str(folder / name))
    assert "\n" not in caught.value.reason
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize("name", sorted(ODD))
def test_an_odd_file_is_read_as_its_header_promises(folder, name, tmp_path):
    header, image, picture = read_header(folder / name), read_image(folder / name), read_picture(folder / name)
    assert image.shape == (header.height, header.width, 3)
    assert picture.pixels.shape[:2] == image.shape[:2]
    write_picture(tmp_path / "again.tif", picture)
    assert abs(read_image(tmp_path / "again.tif").astype(float) - picture.rgb()).mean() < 12


def test_the_survey_names_every_broken_file(folder):
    result = survey(find_sets(str(folder)), (), 4, 12)
    unreadable = {Path(finding.file).name for finding in result.findings if finding.kind == "unreadable"}
    assert unreadable == BROKEN
    assert result.errors
    words = " ".join(finding.text for finding in result.findings if finding.kind == "mixed formats")
    for word in ("gray", "alpha", "16 bits", "palette", "CMYK", "black and white", "2 frames, of which the first is used", "EXIF orientation"):
        assert word in words
    assert {Path(finding.file).name for finding in result.findings if finding.kind == "too small"} == {"one.png", "long.png", "tall.png"}
    assert any("Thumbs.db" in finding.text for finding in result.findings if finding.kind == "not used")
    twice = {Path(finding.file).name for finding in result.findings if "duplicate" in finding.kind}
    assert {"copy.png", "good0.png"} <= twice


def test_the_cache_leaves_out_what_is_broken(folder, tmp_path):
    store = open_sets(find_sets(str(folder)), Degradation.parse("bicubic", 4), tmp_path, invalid_images="skip")
    assert {path.name for path, _ in store.skipped} == BROKEN
    assert {path.name for path in store.paths} == ODD | {"good0.png", "good1.png", "good2.png"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_reported(folder, tmp_path):
    (tmp_path / "x.png").write_bytes((folder / "good0.png").read_bytes())
    (tmp_path / "x.png").chmod(0)
    with pytest.raises(ImageError, match="may not be read"):
        read_image(tmp_path / "x.png")


def test_the_commands_go_through(command, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    status, text, errors = command("prepare", "check", "--data=images", "--patch_size=12", "--report=found.json")
    assert status == 1
    assert "ERROR unreadable" in text
    assert "findings would spoil training or evaluation" in errors
    status, text, errors = command("prepare", "cache", "--data=images")
    assert (status, errors) == (0, "")
    assert "36 images" in text
    small = ("--model_args=blocks=1,filters=4", "--steps=4", "--patch_size=12", "--batch_size=4", "--train_data=images")
    status, text, errors = command("train", *small)
    assert status == 1
    assert f"error: {len(BROKEN)} of {len(BROKEN | ODD) + 3} images cannot be used; --invalid_images=skip goes on without them" in errors
    assert not (folder.parent / "runs").exists()
    status, text, errors = command("train", *small, "--invalid_images=skip")
    assert (status, errors) == (0, "")
    assert f"{len(BROKEN)} files cannot be used and are skipped" in text
    assert "best validation" in text
