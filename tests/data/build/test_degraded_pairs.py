"""Degraded images as files, and a set of them by name."""

import numpy as np
import pytest

from visionfw.data.build.degraded_pairs import write_pairs
from visionfw.data.datasets import find_sets, read_note
from visionfw.data.pairs import crop_to_multiple
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import read_image, write_image


@pytest.mark.parametrize(("text", "folder"), [("bicubic", "LR_bicubic"), ("blur:sigma=2+bicubic", "LR_degraded")])
def test_pairs_are_written_and_found_again(image_folder, tmp_path, text, folder):
    degradation = Degradation.parse(text, 3)
    count, skipped = write_pairs(find_sets(str(image_folder)), degradation, tmp_path / "out")
    assert (count, skipped) == (3, [])
    (images,) = find_sets(str(tmp_path / "out"), scale=3)
    lr_files = images.lr_files(degradation)
    assert lr_files[1] == tmp_path / "out" / folder / "X3" / "1x3.png"
    np.testing.assert_array_equal(read_image(lr_files[1]), degradation.apply(crop_to_multiple(read_image(images.hr[1]), 3), "1.png"))
    write_pairs(find_sets(str(image_folder)), Degradation.parse(text, 2), tmp_path / "out")  # another scale beside
    (again,) = find_sets(str(tmp_path / "out"), scale=3)
    assert (again.hr, again.lr_files(degradation)) == (images.hr, lr_files)
    np.testing.assert_array_equal(read_image(images.hr[2]), read_image(image_folder / "2.png"))
    with pytest.raises(RequestError, match="holds other images"):
        write_pairs(find_sets("embedded/test"), Degradation.parse(text, 4), tmp_path / "out")
    assert read_note(lr_files[0].parent) == (str(degradation), 0)


def test_degraded_images_are_used_for_their_own_degradation_alone(image_folder, tmp_path):
    degradation = Degradation.parse("blur:sigma=2+bicubic", 4)
    write_pairs(find_sets(str(image_folder)), degradation, tmp_path / "out")
    (images,) = find_sets(str(tmp_path / "out"))
    assert images.lr_files(degradation) is not None
    assert images.lr_files(Degradation.parse("area", 4)) is None
    with pytest.raises(RequestError, match=r"its LR images were not made by bicubic; --degradation=blur:sigma=2,size=0,channels=all\+bicubic uses them"):
        images.pairs(Degradation.parse("bicubic", 4))
    write_pairs(find_sets(str(image_folder)), Degradation.parse("bicubic", 4), tmp_path / "out")
    (both,) = find_sets(str(tmp_path / "out"))
    assert both.lr_files(Degradation.parse("bicubic", 4))[0].parent.parent.name == "LR_bicubic"
    assert both.lr_files(degradation)[0].parent.parent.name == "LR_degraded"


def test_a_write_that_fails_is_no_image_that_is_skipped(image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(VisionfwError, match=r"cannot be written: .*No space left on device"):
        write_pairs(find_sets(str(image_folder)), Degradation.parse("area", 2), tmp_path / "out")


def test_it_is_continued_and_another_degradation_is_refused(image_folder, tmp_path):
    degradation = Degradation.parse("noise_down", 2, seed=4)
    write_pairs(find_sets(str(image_folder)), degradation, tmp_path / "out")
    lost = tmp_path / "out/LR_degraded/X2/1x2.png"
    before = lost.read_bytes()
    lost.unlink()
    write_pairs(find_sets(str(image_folder)), degradation, tmp_path / "out")
    assert lost.read_bytes() == before
    with pytest.raises(RequestError, match=r"holds images made in another way \(bicubic\+noise:sigma=30,kind=color, seed 4\); name another folder"):
        write_pairs(find_sets(str(image_folder)), Degradation.parse("noise_down", 2, seed=5), tmp_path / "out")


def test_what_cannot_be_read_is_skipped_and_equal_names_are_refused(image_folder, tmp_path):
    (image_folder / "1.png").write_text("no image")
    count, skipped = write_pairs(find_sets(str(image_folder)), Degradation.parse("area", 2), tmp_path / "out")
    assert count == 2
    assert "1.png: not an image" in skipped[0]
    with pytest.raises(RequestError, match="two images are called '0'"):
        write_pairs(find_sets(f"{image_folder},{image_folder}"), Degradation.parse("area", 2), tmp_path / "other")


def test_an_image_that_a_step_cannot_hold_is_skipped(image_folder, tmp_path):
    write_image(image_folder / "wide.png", np.zeros((4, 70_000, 3), np.uint8))
    count, skipped = write_pairs(find_sets(str(image_folder)), Degradation.parse("jpeg", 1), tmp_path / "out")
    assert count == 3
    assert "wide.png: cannot be degraded by jpeg:quality=50: " in skipped[0]
