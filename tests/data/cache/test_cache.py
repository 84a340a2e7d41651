"""The cache: decoded once, the same after a kill, whole or not there."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import visionfw as vf
from visionfw.data.cache import clear, open_sets, store_folder
from visionfw.data.datasets import find_sets, rescaled
from visionfw.errors import VisionfwError
from visionfw.imaging.degradations import DEGRADATION_STEPS
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import read_image, write_image
from visionfw.imaging.resize import imresize

BICUBIC = Degradation.parse("bicubic", 4)


@pytest.fixture
def images(image_folder):
    return find_sets(str(image_folder))


def interrupt_after(count):
    """Return a progress callback that is Ctrl-C after so many images."""

    def progress(done, total):
        if done == count:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def writes(monkeypatch):
    """Count the writes into stores: three an image."""
    pwrite, counted = os.pwrite, []

    def count(*arguments):
        counted.append(arguments[0])
        return pwrite(*arguments)

    monkeypatch.setattr(os, "pwrite", count)
    return counted


def test_the_pixels_are_those_of_the_files(images, tmp_path):
    store = open_sets(images, BICUBIC, tmp_path / "cache")
    for number, path in enumerate(images[0].hr):
        hr = read_image(path)
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        np.testing.assert_array_equal(store.hr_image(number), hr)
        np.testing.assert_array_equal(store.lr_image(number), imresize(hr, 1 / 4))


def test_a_smaller_set_holds_the_images_at_that_size_and_small_ones_are_not_padded(images, tmp_path):
    (smaller,) = rescaled(images, [0.7])
    store = open_sets([*images, smaller], BICUBIC, tmp_path / "cache", min_side=96)
    assert len(store) == 6
    for number, path in enumerate(smaller.hr, 3):
        hr = imresize(read_image(path), 0.7)  # 91 to 93 x 105
        assert hr.shape[1] == 105
        hr = hr[: hr.shape[0] // 4 * 4, :104]
        np.testing.assert_array_equal(store.hr_image(number), hr)
        np.testing.assert_array_equal(store.lr_image(number), imresize(hr, 1 / 4))


def test_a_set_with_lr_images_is_not_rescaled(images):
    paired = replace(images[0], lr=images[0].hr)
    assert [(one.hr, one.rescale) for one in rescaled([*images, paired], [0.8, 0.5])] == [(images[0].hr, 0.8), (images[0].hr, 0.5)]
    assert rescaled(images, []) == []


def test_the_second_time_nothing_is_decoded(images, tmp_path, writes):
    first = open_sets(images, BICUBIC, tmp_path / "cache").fingerprint()
    assert len(writes) == 9
    assert open_sets(images, BICUBIC, tmp_path / "cache").fingerprint() == first
    assert len(writes) == 9


def test_other_files_other_times_or_another_degradation_are_another_store(images, tmp_path):
    noisy = [Degradation.parse("bicubic+noise:sigma=10", 4, seed) for seed in (0, 1)]
    folders = {
        store_folder(images[0], degradation, tmp_path)
        for degradation in (BICUBIC, Degradation.parse("bicubic", 4, seed=9), Degradation.parse("bicubic", 2), *noisy)
    }
    os.utime(images[0].hr[0], (1, 1))
    folders.add(store_folder(images[0], BICUBIC, tmp_path))
    assert len(folders) == 5


def test_other_code_is_another_store(images, tmp_path, monkeypatch, restored):
    """Of the degradation's steps, and of what reads images."""
    restored(DEGRADATION_STEPS)

    def soften(image):
        return image // 2 * 2

    before = store_folder(images[0], BICUBIC, tmp_path)
    folders = {before}
    for version in ("1", "2"):
        vf.register_degradation(soften, name="soften_of_cache", version=version)
        folders.add(store_folder(images[0], Degradation.parse("soften_of_cache+bicubic", 4), tmp_path))
    monkeypatch.setattr("visionfw.imaging.files.READER_VERSION", 99)
    folders.add(store_folder(images[0], BICUBIC, tmp_path))
    assert len(folders) == 4
    monkeypatch.undo()
    assert store_folder(images[0], BICUBIC, tmp_path) == before


def test_several_sets_are_joined_without_decoding_them_again(images, tmp_path, image_folder):
    other = find_sets("embedded/test")
    open_sets(images, BICUBIC, tmp_path / "cache")
    joined = open_sets([*other, *images], BICUBIC, tmp_path / "cache")
    assert len(joined) == 5
    assert len(list((tmp_path / "cache").glob("[!.]*"))) == 2
    np.testing.assert_array_equal(joined.hr_image(3), open_sets(images, BICUBIC, tmp_path / "cache").hr_image(1))


def test_progress_counts_the_images(images, tmp_path):
    counted = []
    open_sets(images, BICUBIC, tmp_path / "cache", progress=lambda done, total: counted.append((done, total)))
    assert counted == [(1, 3), (2, 3), (3, 3)]


def test_a_file_that_cannot_be_used_stops_or_is_skipped(images, image_folder, tmp_path):
    (image_folder / "1.png").write_bytes((image_folder / "1.png").read_bytes()[:2000])
    with pytest.raises(VisionfwError, match=r"1\.png: cannot be read.*\n1 of 3 images cannot be used; --invalid_images=skip goes on without them"):
        open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache")
    store = open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache", invalid_images="skip")
    assert [path.name for path in store.paths] == ["0.png", "2.png"]
    assert [path.name for path, _ in store.skipped] == ["1.png"]


def test_a_set_of_which_nothing_can_be_used_is_refused(image_folder, tmp_path):
    for path in image_folder.iterdir():
        path.write_text("no image")
    with pytest.raises(VisionfwError, match=r"none of its 3 images can be used: 0\.png: not an image that can be read"):
        open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache", invalid_images="skip")


def test_an_interrupted_decoding_is_continued(images, tmp_path, writes):
    whole = open_sets(images, BICUBIC, tmp_path / "whole").fingerprint()
    with pytest.raises(KeyboardInterrupt):
        open_sets(images, BICUBIC, tmp_path / "cache", progress=interrupt_after(2))
    assert [path.suffix for path in (tmp_path / "cache").glob("[!.]*")] == [".partial"]
    writes.clear()
    assert open_sets(images, BICUBIC, tmp_path / "cache").fingerprint() == whole
    assert len(writes) <= 3  # at most the third image is decoded again
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_half_written_pixels_are_written_again(images, tmp_path):
    whole = open_sets(images, BICUBIC, tmp_path / "whole")
    final = store_folder(images[0], BICUBIC, tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        open_sets(images, BICUBIC, tmp_path / "cache", progress=interrupt_after(3))
    with (final.with_name(f"{final.name}.partial") / "hr.u8").open("r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    np.testing.assert_array_equal(open_sets(images, BICUBIC, tmp_path / "cache").hr_image(0), whole.hr_image(0))


def test_a_full_disk_is_reported_and_leaves_nothing_that_looks_whole(images, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(VisionfwError, match=r"No space left on device; --cache_dir or \$VISIONFW_CACHE names another folder"):
        open_sets(images, BICUBIC, tmp_path / "cache")
    monkeypatch.undo()
    assert len(open_sets(images, BICUBIC, tmp_path / "cache")) == 3


def test_a_disk_that_is_too_small_is_reported_first(images, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 0}))
    with pytest.raises(VisionfwError, match=r"this takes 0\.00 GiB and 0\.00 are free"):
        open_sets(images, BICUBIC, tmp_path / "cache")


def test_a_folder_that_cannot_be_made_is_reported(images, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VisionfwError, match="--cache_dir or"):
        open_sets(images, BICUBIC, tmp_path / "file" / "cache")


@pytest.mark.parametrize("damage", [lambda folder: os.truncate(folder / "hr.u8", 100), lambda folder: (folder / "index.json").write_text("{")])
def test_a_damaged_store_is_reported_and_decoded_anew(images, tmp_path, damage):
    whole = open_sets(images, BICUBIC, tmp_path).fingerprint()
    damage(store_folder(images[0], BICUBIC, tmp_path))
    lines = []
    assert open_sets(images, BICUBIC, tmp_path, log=lines.append).fingerprint() == whole
    assert "is damaged" in lines[0] and "it is decoded anew" in lines[0]
    open_sets(images, BICUBIC, tmp_path, log=lines.append)
    assert len(lines) == 1


def test_three_at_once_decode_once(images, tmp_path, writes):
    """The first to decode waits after its first image until the two others have lines that they wait for it."""
    waiting, fingerprints = threading.Semaphore(0), []

    def wait_for_the_others(done, total):
        if done == 1:
            assert waiting.acquire(timeout=60) and waiting.acquire(timeout=60)

    def open_one():
        store = open_sets(
            images, BICUBIC, tmp_path / "c", progress=wait_for_the_others, log=lambda line: waiting.release() if "waiting for it" in line else None
        )
        fingerprints.append(store.fingerprint())

    threads = [threading.Thread(target=open_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(writes) == 9
    assert len(fingerprints) == 3 and len(set(fingerprints)) == 1


def test_pixels_of_another_image_never_count_as_an_images_own(tmp_path, monkeypatch):
    """What can be read changes between an interrupted start and the next one, so every later place shifts."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(5):
        write_image(folder / f"{number}.png", np.full((40, 40, 3), 10 + 40 * number, np.uint8))
    image_open = Image.open

    def open_all_but_one(path, *rest):
        if path.name == "1.png":
            raise UnidentifiedImageError("not now")
        return image_open(path, *rest)

    monkeypatch.setattr(Image, "open", open_all_but_one)
    with pytest.raises(KeyboardInterrupt):
        open_sets(find_sets(str(folder)), BICUBIC, tmp_path / "cache", progress=interrupt_after(4))
    monkeypatch.undo()
    store = open_sets(find_sets(str(folder)), BICUBIC, tmp_path / "cache")
    assert [int(store.hr_image(number)[0, 0, 0]) for number in range(5)] == [10, 50, 90, 130, 170]


def test_an_orientation_that_the_header_lacks_is_applied(tmp_path, photograph):
    folder = tmp_path / "rotated"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    write_image(folder / "late.png", photograph[:80, :120])
    content = (folder / "late.png").read_bytes()
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    late = len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    (folder / "late.png").write_bytes(content[:-12] + late + content[-12:])  # behind the pixels
    store = open_sets(find_sets(str(folder)), BICUBIC, tmp_path / "cache")
    np.testing.assert_array_equal(store.hr_image(0), np.rot90(photograph[:80, :120], -1))


def test_too_many_open_files_say_nothing_about_an_image(images, tmp_path, monkeypatch):
    def refuse(path, *rest):
        raise OSError(24, "Too many open files", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(VisionfwError, match="Too many open files"):
        open_sets(images, BICUBIC, tmp_path / "cache")
    monkeypatch.undo()
    assert len(open_sets(images, BICUBIC, tmp_path / "cache")) == 3


def test_an_image_that_cannot_be_degraded_is_reported_by_its_name(images, image_folder, tmp_path):
    write_image(image_folder / "wide.png", np.zeros((4, 70_000, 3), np.uint8))
    store = open_sets(find_sets(str(image_folder)), Degradation.parse("jpeg", 1), tmp_path / "cache", invalid_images="skip")
    ((path, reason),) = store.skipped
    assert path.name == "wide.png"
    assert reason.startswith("cannot be degraded by jpeg:quality=50: ")


def test_clearing_removes_whole_and_half_stores(images, tmp_path):
    folder = tmp_path / "cache"
    open_sets(images, BICUBIC, folder)
    with pytest.raises(KeyboardInterrupt):
        open_sets(find_sets("embedded/test"), BICUBIC, folder, progress=interrupt_after(1))
    (folder / "mine.txt").touch()
    assert len(clear(folder)) == 2
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


#: Opens a set; the process kills itself in place of its KILL_AT-th write, and prints the number of its writes where it survives.
OPENING_UNTIL_A_KILL = """
import os, signal, sys
folder, cache, kill_at = sys.argv[1:]
pwrite, writes = os.pwrite, []
def count(*arguments):
    writes.append(arguments[0])
    if len(writes) == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)
    return pwrite(*arguments)
os.pwrite = count
import visionfw as vf
print(vf.data.open(folder, cache=cache).store.fingerprint(), len(writes))
"""


def test_kill_9_at_any_moment_leaves_no_lock_and_the_same_store(root, tmp_path):
    """Killed before its first write, inside an image and between two; in the end two at once are let through."""
    folder, cache_dir = tmp_path / "many", tmp_path / "c"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        write_image(folder / f"{number}.png", random.integers(0, 256, (100, 120, 3), np.uint8))

    def start(kill_at):
        command = [sys.executable, "-c", OPENING_UNTIL_A_KILL, str(folder), str(cache_dir), str(kill_at)]
        return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)

    for kill_at in (1, 5, 16):
        process = start(kill_at)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    lines = [process.communicate()[0].split() for process in (start(0), start(0))]
    whole = open_sets(find_sets(str(folder)), BICUBIC, tmp_path / "whole").fingerprint()
    assert {fingerprint for fingerprint, _ in lines} == {whole}
    assert 0 < sum(int(writes) for _, writes in lines) < 3 * 12  # what was written before the kills stays
    final = store_folder(find_sets(str(folder))[0], BICUBIC, cache_dir)
    assert sorted(path.name for path in final.iterdir()) == ["hr.u8", "index.json", "lr.u8"]


def test_small_images_can_be_padded_with_noise(images, image_folder, tmp_path, photograph):
    write_image(image_folder / "small.png", photograph[50:80, 100:240])
    store = open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache", min_side=96)
    hr = store.hr_image(3)
    assert hr.shape == (96, 140, 3)
    np.testing.assert_array_equal(hr[33:63], photograph[50:80, 100:240])
    assert 110 < hr[:30].mean() < 145 and hr[:30].std() > 40
    np.testing.assert_array_equal(store.lr_image(3), imresize(hr, 1 / 4))
    plain = open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache")
    assert plain.hr_image(3).shape == (28, 140, 3)
    np.testing.assert_array_equal(plain.hr_image(0), store.hr_image(0))


def test_format_notes_are_kept(images, image_folder, tmp_path, photograph):
    write_image(image_folder / "gray.png", photograph[:50, :50, 0])
    store = open_sets(find_sets(str(image_folder)), BICUBIC, tmp_path / "cache")
    assert store.format_notes == ((), (), (), ("gray",))
