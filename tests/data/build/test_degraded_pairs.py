"""Degraded images as files, and a set of them by name."""

import numpy as np
import pytest

from visionfw.data.build.degraded_pairs import write_degraded
from visionfw.data.datasets import find_sets, read_note
from visionfw.data.pairs import crop_to_multiple
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import read_image


@pytest.mark.parametrize(("text", "folder"), [("bicubic", "LR_bicubic"), ("blur:sigma=2+bicubic", "LR_degraded")])
def test_pairs_are_written_and_found_again(image_folder, tmp_path, text, folder):
    how = Degradation.parse(text, 3)
    made, left_out = write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    assert (made, left_out) == (3, [])
    (found,) = find_sets(str(tmp_path / "out"), scale=3)
    given = found.lr_files(how)
    assert given[1] == tmp_path / "out" / folder / "X3" / "1x3.png"
    np.testing.assert_array_equal(read_image(given[1]), how.apply(crop_to_multiple(read_image(found.hr[1]), 3), "1.png"))
    write_degraded(find_sets(str(image_folder)), Degradation.parse(text, 2), tmp_path / "out")  # another scale beside
    (again,) = find_sets(str(tmp_path / "out"), scale=3)
    assert (again.hr, again.lr_files(how)) == (found.hr, given)
    np.testing.assert_array_equal(read_image(found.hr[2]), read_image(image_folder / "2.png"))
    with pytest.raises(RequestError, match="holds other images"):
        write_degraded(find_sets("embedded/test"), Degradation.parse(text, 4), tmp_path / "out")
    assert read_note(given[0].parent) == (str(how), 0)


def test_degraded_images_are_used_for_their_own_degradation_alone(image_folder, tmp_path):
    how = Degradation.parse("blur:sigma=2+bicubic", 4)
    write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    (found,) = find_sets(str(tmp_path / "out"))
    assert found.lr_files(how) is not None
    assert found.lr_files(Degradation.parse("area", 4)) is None
    with pytest.raises(RequestError, match=r"its LR images were not made by bicubic; --degradation=blur:sigma=2,size=0,channels=all\+bicubic uses them"):
        found.pairs(Degradation.parse("bicubic", 4))
    write_degraded(find_sets(str(image_folder)), Degradation.parse("bicubic", 4), tmp_path / "out")
    (both,) = find_sets(str(tmp_path / "out"))
    assert both.lr_files(Degradation.parse("bicubic", 4))[0].parent.parent.name == "LR_bicubic"
    assert both.lr_files(how)[0].parent.parent.name == "LR_degraded"


def test_a_write_that_fails_is_no_image_that_is_left_out(image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(VisionfwError, match=r"cannot be written: .*No space left on device"):
        write_degraded(find_sets(str(image_folder)), Degradation.parse("area", 2), tmp_path / "out")


def test_it_is_gone_on_with_and_another_degradation_is_refused(image_folder, tmp_path):
    how = Degradation.parse("noise_down", 2, seed=4)
    write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    lost = tmp_path / "out/LR_degraded/X2/1x2.png"
    before = lost.read_bytes()
    lost.unlink()
    write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    assert lost.read_bytes() == before
    with pytest.raises(RequestError, match=r"holds images made in another way \(bicubic\+noise:sigma=30,kind=color, seed 4\); name another folder"):
        write_degraded(find_sets(str(image_folder)), Degradation.parse("noise_down", 2, seed=5), tmp_path / "out")


def test_what_cannot_be_read_is_left_out_and_equal_names_are_refused(image_folder, tmp_path):
    (image_folder / "1.png").write_text("no image")
    made, left_out = write_degraded(find_sets(str(image_folder)), Degradation.parse("area", 2), tmp_path / "out")
    assert made == 2
    assert "1.png: not an image" in left_out[0]
    with pytest.raises(RequestError, match="two images are called '0'"):
        write_degraded(find_sets(f"{image_folder},{image_folder}"), Degradation.parse("area", 2), tmp_path / "other")
