"""Training images that show a test image, in whichever way."""

import pytest

from visionfw.data.audit.leakage import find_leaks
from visionfw.data.datasets import find_sets
from visionfw.imaging.files import read_image, write_image


def test_the_same_picture_a_crop_and_what_it_is_cut_from(tmp_path, photograph):
    for folder in ("train", "test"):
        (tmp_path / folder).mkdir()
    write_image(tmp_path / "test" / "a.png", photograph[:140, :160])
    write_image(tmp_path / "test" / "b.png", photograph[150:250, 200:320])
    write_image(tmp_path / "train" / "flipped.jpg", photograph[:140, :160][:, ::-1])
    write_image(tmp_path / "train" / "part.png", photograph[160:230, 210:290])
    write_image(tmp_path / "train" / "whole.png", photograph[140:270, 180:340])
    write_image(tmp_path / "train" / "other.png", photograph[160:260, 20:140])
    (tmp_path / "train" / "broken.png").write_bytes(b"no image")
    (test,) = find_sets(str(tmp_path / "test"))
    leaks = {leak.train.name: (leak.test.name, leak.relation.split(" (")[0]) for leak in find_leaks(find_sets(str(tmp_path / "train")), test)}
    assert leaks == {
        "flipped.jpg": ("a.png", "the same picture"),
        "part.png": ("b.png", "cut from it at row 10, column 10"),
        "whole.png": ("b.png", "it is cut from it at row 10, column 20"),
    }


@pytest.mark.slow
def test_bsd100_is_bsds500s_validation_set(root, benchmark_data):
    folder = root.parent / "shared" / "data" / "train" / "BSDS500" / "val"
    if not folder.is_dir():
        pytest.skip(f"needs BSDS500 in {folder}")
    (test,) = find_sets("BSD100", str(benchmark_data))
    assert len(find_leaks(find_sets(str(folder)), test)) == 100
    assert len(read_image(test.hr[0]).shape) == 3
