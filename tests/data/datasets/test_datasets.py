"""Sets of images by name, in every layout."""

import shutil

import numpy as np
import pytest

from visionfw.data.cache import open_sets
from visionfw.data.datasets import find_sets, limit_images, list_sets
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
def test_the_sets_own_lr_images_are_found_and_used(paired, name):
    (images,) = find_sets(name, str(paired), scale=2)
    assert [path.name for path in images.lr] == ["0x2.png", "1x2.png", "2x2.png"]
    store = open_sets([images], Degradation.parse("bicubic", 2), paired / "cache")
    np.testing.assert_array_equal(store.lr_image(1), read_image(images.lr[1]))


def test_another_scale_is_made_by_shrinking(paired):
    (images,) = find_sets("Pairs", str(paired), scale=3)
    assert images.lr is None
    store = open_sets([images], Degradation.parse("bicubic", 3), paired / "cache")
    np.testing.assert_array_equal(store.lr_image(0), imresize(store.hr_image(0), 1 / 3))


def test_sets_are_joined_by_commas(paired):
    sets = find_sets("Pairs, images,embedded/test", str(paired), scale=3)
    assert [entry.name for entry in sets] == ["Pairs", "images", "embedded/test"]


def test_the_embedded_photographs_are_there_and_held_back_apart():
    train, test = find_sets("embedded/train,embedded/test")
    assert all(path.is_file() for path in (*train.hr, *test.hr))
    assert not set(train.hr) & set(test.hr)


def test_sets_can_be_listed(paired):
    assert set(list_sets(str(paired))) >= {"embedded/train", "Pairs", "images", "DIV2K/DIV2K_train_HR"}


def test_a_wrong_name_is_refused_with_the_nearest(paired):
    with pytest.raises(RequestError, match=r"no data set 'Pear' under .*; did you mean 'Pairs'"):
        find_sets("Pear", str(paired))


def test_a_set_in_a_subfolder_is_suggested_by_its_last_name(tmp_path):
    folder = tmp_path / "benchmark" / "Set5"
    folder.mkdir(parents=True)
    write_image(folder / "one.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(RequestError, match=r"no data set 'set5' under .*; did you mean 'benchmark/Set5'"):
        find_sets("set5", str(tmp_path))


def test_a_folder_without_images_is_refused(paired):
    (paired / "none").mkdir()
    with pytest.raises(RequestError, match="data set 'none': no images"):
        find_sets("none", str(paired))


def test_a_missing_root_is_refused(tmp_path):
    with pytest.raises(RequestError, match="--data_root: no folder"):
        find_sets("Set5", str(tmp_path / "nowhere"))


def test_a_missing_lr_image_is_reported(paired):
    (paired / "Pairs/LR_bicubic/X2/1x2.png").unlink()
    with pytest.raises(
        VisionfwError, match=r"1\.png: its LR image .*1x2\.png: no such file\n1 of 3 images cannot be used; --invalid_images=skip goes on without them"
    ):
        open_sets(find_sets("Pairs", str(paired), scale=2), Degradation.parse("bicubic", 2), paired / "cache")


def test_an_lr_image_of_another_size_is_reported(paired):
    shutil.copy(paired / "Pairs/HR/0.png", paired / "Pairs/LR_bicubic/X2/0x2.png")
    with pytest.raises(VisionfwError, match=r"0x2\.png has 150 x 120 pixels; for scale 2 it must have 75 x 60"):
        open_sets(find_sets("Pairs", str(paired), scale=2), Degradation.parse("bicubic", 2), paired / "cache")


def test_another_degradation_does_not_use_the_sets_own_lr_images(paired):
    degradation = Degradation.parse("blur:sigma=2+bicubic", 2)
    store = open_sets(find_sets("Pairs", str(paired), scale=2), degradation, paired / "cache")
    np.testing.assert_array_equal(store.lr_image(1), degradation.apply(store.hr_image(1), "1.png"))


def test_limited_sets_are_drawn_from_all_images_together(image_folder):
    sets = find_sets(f"{image_folder},embedded/test")
    limited = limit_images(sets, 3, seed=1)
    assert sum(len(images.hr) for images in limited) == 3
    assert {path for images in limited for path in images.hr} <= {path for images in sets for path in images.hr}
    assert limit_images(sets, 9) == sets


def test_limited_sets_keep_each_image_with_its_lr_image(paired):
    (images,) = limit_images(find_sets("Pairs", str(paired), scale=2), 2, seed=0)
    assert [f"{path.stem}x2" for path in images.hr] == [path.stem for path in images.lr]


@pytest.fixture
def same_stem(tmp_path, photograph):
    """Two images that differ in their suffix alone, with an LR image each."""
    hr, lr = tmp_path / "Same/HR", tmp_path / "Same/LR_bicubic/X2"
    hr.mkdir(parents=True), lr.mkdir(parents=True)
    for suffix, left in ((".png", 0), (".bmp", 200)):
        image = photograph[:60, left : left + 80]
        write_image(hr / f"img{suffix}", image)
        write_image(lr / f"imgx2{suffix}", imresize(image, 1 / 2))
    return tmp_path / "Same"


def test_two_images_of_one_stem_are_paired_by_their_suffix(same_stem):
    (images,) = find_sets(str(same_stem), scale=2)
    assert {hr.name: lr.name for hr, lr in images.pairs()} == {"img.png": "imgx2.png", "img.bmp": "imgx2.bmp"}
    (same_stem / "LR_bicubic/X2/imgx2.bmp").unlink()
    (images,) = find_sets(str(same_stem), scale=2)
    assert [(hr.name, lr.name, lr.exists()) for hr, lr in images.pairs()] == [("img.bmp", "imgx2.bmp", False), ("img.png", "imgx2.png", True)]


def test_of_two_lr_images_that_with_the_images_own_suffix_is_used_or_none(same_stem):
    (same_stem / "HR/img.bmp").unlink()
    (images,) = find_sets(str(same_stem), scale=2)
    assert images.pairs()[0][1].name == "imgx2.png"
    (same_stem / "HR/img.png").rename(same_stem / "HR/img.tif")
    with pytest.raises(RequestError, match=r"img\.tif could be paired with imgx2\.bmp and with imgx2\.png in .*; remove one of them"):
        find_sets(str(same_stem), scale=2)


def test_no_lr_image_is_paired_with_two_images(paired):
    """a.png and ax2.png beside LR images of their own names: ax2.png suits both."""
    folder = paired / "Pairs"
    for place in ("HR", "LR_bicubic/X2"):
        for old, new in (("0", "a"), ("1", "ax2"), ("2", "b")):
            (folder / place / (f"{old}.png" if place == "HR" else f"{old}x2.png")).rename(folder / place / f"{new}.png")
    with pytest.raises(RequestError, match=r"data set 'Pairs': a\.png and ax2\.png would both be paired with the LR image .*ax2\.png; rename one of them"):
        find_sets("Pairs", str(paired), scale=2)
