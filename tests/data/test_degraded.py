"""Degraded images as files, and a set of them by name."""

import numpy as np
import pytest

from visionfw.data.datasets import find_sets
from visionfw.data.degraded import degradation_of, write_degraded
from visionfw.data.pairs import crop_to_multiple
from visionfw.errors import RequestError
from visionfw.imaging.degrade import degradation
from visionfw.imaging.files import read_image


@pytest.mark.parametrize(("text", "folder"), [("bicubic", "LR_bicubic"), ("blur:sigma=2+bicubic", "LR_degraded")])
def test_pairs_are_written_and_found_again(image_folder, tmp_path, text, folder):
    how = degradation(text, 3)
    made, left_out = write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    assert (made, left_out) == (3, [])
    (found,) = find_sets(str(tmp_path / "out"), scale=3)
    assert found.lr[1] == tmp_path / "out" / folder / "X3" / "1x3.png"
    np.testing.assert_array_equal(read_image(found.lr[1]), how.apply(crop_to_multiple(read_image(found.hr[1]), 3), "1.png"))
    write_degraded(find_sets(str(image_folder)), degradation(text, 2), tmp_path / "out")  # another scale beside
    (again,) = find_sets(str(tmp_path / "out"), scale=3)
    assert (again.hr, again.lr) == (found.hr, found.lr)
    np.testing.assert_array_equal(read_image(found.hr[2]), read_image(image_folder / "2.png"))
    with pytest.raises(RequestError, match="holds other images"):
        write_degraded(find_sets("embedded/test"), degradation(text, 4), tmp_path / "out")
    assert degradation_of(found.lr[0].parent) == ("" if text == "bicubic" else text)


def test_it_is_gone_on_with_and_another_degradation_is_refused(image_folder, tmp_path):
    how = degradation("noise_down", 2, seed=4)
    write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    lost = tmp_path / "out/LR_degraded/X2/1x2.png"
    before = lost.read_bytes()
    lost.unlink()
    write_degraded(find_sets(str(image_folder)), how, tmp_path / "out")
    assert lost.read_bytes() == before
    with pytest.raises(RequestError, match=r"holds images made in another way \(bicubic\+noise:sigma=30, seed 4\); name another folder"):
        write_degraded(find_sets(str(image_folder)), degradation("noise_down", 2, seed=5), tmp_path / "out")


def test_what_cannot_be_read_is_left_out_and_equal_names_are_refused(image_folder, tmp_path):
    (image_folder / "1.png").write_text("no image")
    made, left_out = write_degraded(find_sets(str(image_folder)), degradation("area", 2), tmp_path / "out")
    assert made == 2
    assert "1.png: not an image" in left_out[0]
    with pytest.raises(RequestError, match="two images are called '0'"):
        write_degraded(find_sets(f"{image_folder},{image_folder}"), degradation("area", 2), tmp_path / "other")
