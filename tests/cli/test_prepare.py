"""prepare.py as a user types it."""

import numpy as np
import pytest

from visionfw.imaging.files import read_image, write_image


@pytest.fixture
def folder(tmp_path, image_folder, monkeypatch):
    """The working directory, with three images in images/."""
    monkeypatch.chdir(image_folder.parent)
    return image_folder.parent


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "error: name a task: python prepare.py check|cache|degrade|tile|fetch"),
        (["chek"], "error: no task 'chek'; did you mean 'check'?"),
        (["--lst"], "error: no flag '--lst'; did you mean '--list'?"),
        (["check"], "error: --data: name the image sets, as names or folders joined by commas"),
        (["check", "--data=imags"], "error: no data set 'imags' under .; did you mean 'images'?"),
        (["check", "--data=images", "--scale=0"], "error: --scale must be a whole number of at least 1, not 0"),
        (["check", "--data=images", "--report=x.pdf"], "error: --report: a report ends in .md, .csv, .json, not 'x.pdf'"),
        (["check", "--data=images/0.png"], "error: data set 'images/0.png' is a file; name its folder"),
        (["check", "--data=~nobody-at-all/x"], "error: ~nobody-at-all/x: there is no such user's folder"),
        (["degrade", "--data=images"], "error: --out: name the folder to write"),
        (["degrade", "--data=images", "--out=o", "--degradation=blr"], "error: --degradation: no degradation step 'blr'; did you mean 'blur'?"),
        (["degrade", "--data=images", "--out=o", "--degradation="], "error: --degradation: a degradation is steps joined by '+'"),
        (["tile", "--data=images"], "error: --out: name the folder to write"),
        (["tile", "--data=images", "--out=o", "--method=tyle"], "error: --method: no method 'tyle'; did you mean 'tile'?"),
        (["tile", "--data=images", "--out=o", "--size=200000"], "error: --size must be a whole number from 1 to 8192, not 200000"),
        (["tile", "--data=images", "--out=images"], "error: --out: images exists and is not empty; name another folder, or remove it"),
        (["fetch"], "error: name the set to download: prepare.py fetch NAME; --list=datasets shows which have an address"),
        (["fetch", "Sett5"], "error: no standard set 'Sett5'; did you mean 'Set5'?"),
        (["fetch", "x", "--address=nonsense"], "error: --address: must begin with https://, http:// or file://, not 'nonsense'"),
        (["cache", "--data=images", "--cach_dir=x"], "error: no flag '--cach_dir'; did you mean '--cache_dir'?"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(command, folder, arguments, sentence):
    status, text, errors = command("prepare", *arguments)
    assert (status, text) == (2, "")
    assert errors.startswith(sentence)
    assert len(errors.splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["images"]


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["tile", "--help"], ["--list"], ["check", "--list=degradations"]])
def test_help_and_lists(command, folder, arguments):
    status, text, errors = command("prepare", *arguments)
    assert (status, errors) == (0, "")
    assert len(text.splitlines()) > 5


def test_sets_are_prepared_from_end_to_end(command, folder):
    status, text, errors = command("prepare", "check", "--data=images", "--patch_size=12")
    assert (status, errors) == (0, "")
    assert "no errors, 0 notes" in text
    status, text, errors = command("prepare", "degrade", "--data=images", "--out=pairs", "--degradation=blur_down", "--scale=3")
    assert status == 0
    assert "use them as --train_data=pairs --scale=3 --degradation=blur:sigma=1.6,size=7,channels=all+subsample" in text
    status, text, errors = command("prepare", "check", "--data=pairs", "--scale=3", "--patch_size=12")
    assert status == 0
    assert "note  degraded LR: pairs: its LR images were made by 'blur:sigma=1.6,size=7,channels=all+subsample'" in text
    status, text, errors = command("prepare", "tile", "--data=images", "--size=64", "--method=pad_with_noise", "--out=tiles")
    assert status == 0
    assert "tiles: 27" in text
    status, text, errors = command("prepare", "cache", "--data=tiles", "--cache_dir=c")
    assert status == 0
    assert "tiles: 27 images, " in text
    status, text, errors = command("prepare", "cache", "--clear", "--cache_dir=c")
    assert status == 0
    assert "removed c/tiles_x4-" in text
    assert list((folder / "c").iterdir()) == []


def test_an_error_is_status_1_and_the_report_holds_all(command, folder):
    (folder / "images" / "1.png").write_text("no image")
    (folder / "test").mkdir()
    write_image(folder / "test" / "mirrored.png", np.ascontiguousarray(read_image(folder / "images" / "0.png")[:, ::-1]))
    status, text, errors = command("prepare", "check", "--data=images", "--test_data=test", "--patch_size=12", "--report=found.json")
    assert status == 1
    assert "ERROR unreadable: images/1.png: not an image that can be read" in text
    assert "ERROR leakage: images/0.png: the same picture (similarity 1.000) as test/mirrored.png of test: in a training and in a test set" in text
    assert errors == "error: 2 of 2 findings would spoil training or evaluation; they are listed as ERROR\n"
    assert '"kind": "leakage"' in (folder / "found.json").read_text()
