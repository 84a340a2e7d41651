"""Sets of images by name, in every layout."""

import shutil

import numpy as np
import pytest

from visionfw.data.cache import open_sets
from visionfw.data.datasets import fewer, find_sets, list_sets
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import read_image, write_image
from visionfw.imaging.resize import imresize


@pytest.fixture
def paired(tmp_path, image_folder):
    """HR/ beside LR_bicubic/X2/, and the same in DIV2K's own folders."""
    for hr, lr in (("Pairs/HR", "Pairs/LR_bicubic/X2"), ("DIV2K/DIV2K_train_HR", "DIV2K/DIV2K_train_LR_bicubic/X2")):
        (tmp_path / hr).mkdir(parents=True)
        (tmp_path / lr).mkdir(parents=True)
        for path in image_folder.iterdir():
            image = read_image(path)[:120, :150]
            write_image(tmp_path / hr / path.name, image)
            write_image(tmp_path / lr / f"{path.stem}x2.png", imresize(image, 1 / 2) // 2)
    return tmp_path


@pytest.mark.parametrize("name", ["Pairs", "DIV2K", "DIV2K/DIV2K_train_HR"])
def test_given_lr_images_are_found_and_used(paired, name):
    (found,) = find_sets(name, str(paired), scale=2)
    assert [path.name for path in found.lr] == ["0x2.png", "1x2.png", "2x2.png"]
    store = open_sets([found], Degradation.parse("bicubic", 2), paired / "cache")
    np.testing.assert_array_equal(store.lr_image(1), read_image(found.lr[1]))


def test_another_scale_is_made_by_shrinking(paired):
    (found,) = find_sets("Pairs", str(paired), scale=3)
    assert found.lr is None
    store = open_sets([found], Degradation.parse("bicubic", 3), paired / "cache")
    np.testing.assert_array_equal(store.lr_image(0), imresize(store.hr_image(0), 1 / 3))


def test_sets_are_joined_by_commas(paired):
    found = find_sets("Pairs, images,embedded/test", str(paired), scale=3)
    assert [entry.name for entry in found] == ["Pairs", "images", "embedded/test"]


def test_the_embedded_photographs_are_there_and_held_back_apart():
    train, test = find_sets("embedded/train,embedded/test")
    assert all(path.is_file() for path in (*train.hr, *test.hr))
    assert not set(train.hr) & set(test.hr)


def test_what_there_is_can_be_listed(paired):
    assert set(list_sets(str(paired))) >= {"embedded/train", "Pairs", "images", "DIV2K/DIV2K_train_HR"}


def test_a_wrong_name_is_told_with_the_nearest(paired):
    with pytest.raises(RequestError, match=r"no data set 'Pear' under .*; did you mean 'Pairs'"):
        find_sets("Pear", str(paired))


def test_a_folder_without_images_is_told(paired):
    (paired / "none").mkdir()
    with pytest.raises(RequestError, match="data set 'none': no images"):
        find_sets("none", str(paired))


def test_a_missing_root_is_told(tmp_path):
    with pytest.raises(RequestError, match="--data_root: no folder"):
        find_sets("Set5", str(tmp_path / "nowhere"))


def test_a_missing_lr_image_is_told(paired):
    (paired / "Pairs/LR_bicubic/X2/1x2.png").unlink()
    with pytest.raises(VisionfwError, match=r"1\.png: its LR image .*1x2\.png: no such file\n1 of 3 images cannot be used; --on_bad=skip goes on without them"):
        open_sets(find_sets("Pairs", str(paired), scale=2), Degradation.parse("bicubic", 2), paired / "cache")


def test_an_lr_image_of_another_size_is_told(paired):
    shutil.copy(paired / "Pairs/HR/0.png", paired / "Pairs/LR_bicubic/X2/0x2.png")
    with pytest.raises(VisionfwError, match=r"0x2\.png has 150 x 120 pixels; for scale 2 it must have 75 x 60"):
        open_sets(find_sets("Pairs", str(paired), scale=2), Degradation.parse("bicubic", 2), paired / "cache")


def test_another_degradation_does_not_use_the_given_lr_images(paired):
    how = Degradation.parse("blur:sigma=2+bicubic", 2)
    store = open_sets(find_sets("Pairs", str(paired), scale=2), how, paired / "cache")
    np.testing.assert_array_equal(store.lr_image(1), how.apply(store.hr_image(1), "1.png"))


def test_fewer_images_are_drawn_from_all_sets_together(image_folder):
    sets = find_sets(f"{image_folder},embedded/test")
    found = fewer(sets, 3, seed=1)
    assert sum(len(images.hr) for images in found) == 3
    assert {path for images in found for path in images.hr} <= {path for images in sets for path in images.hr}
    assert fewer(sets, 9) == sets
