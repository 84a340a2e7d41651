"""Training sets of tiles: whole, counted, restartable, and in bounded memory."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.config import DivideRequest
from visionfw.data.build import tile as room
from visionfw.data.build.tile import cells, divide
from visionfw.data.datasets import find_sets
from visionfw.data.pairs import pad_with_noise
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_image, write_image


@pytest.fixture
def core(tmp_path, photograph):
    folder = tmp_path / "core"
    folder.mkdir()
    write_image(folder / "a.png", photograph[:150, :200])  # 2 x 3 whole tiles of 64, leftovers
    write_image(folder / "b.png", photograph[:64, 100:228])  # exactly 2
    write_image(folder / "c.png", photograph[200:230, 10:60])  # smaller than a tile
    (folder / "d.png").write_text("no image")
    return folder


def make(core, method="noise_framed", out="tiles", **more):
    request = DivideRequest(data=str(core), out=str(core.parent / out), method=method, size=64, **more)
    return divide(request, find_sets(str(core))), core.parent / out


def lines(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_divide_and_conquer_keeps_whole_tiles(core):
    summary, out = make(core, "divide_and_conquer")
    assert (summary["tiles"], summary["framed tiles"], summary["images too small"]) == (8, 0, 1)
    assert len(list((out / "HR").iterdir())) == 8
    assert len(summary["images left out"]) == 1 and "not an image" in summary["images left out"][0]


def test_noise_framed_uses_every_leftover_and_small_image(core):
    summary, out = make(core)
    assert summary["tiles"] == 3 * 4 + 2 + 1
    assert summary["framed tiles"] == 12 - 6 + 1
    assert summary["tiles by plain tiling"] == 8
    assert summary["images that plain tiling needs for as many tiles"] == round(3 * 15 / 8)
    assert summary["images saved beside one tile an image"] == 15 - 3
    assert summary["bytes of the tiles"] == sum(path.stat().st_size for path in (out / "HR").iterdir())


def test_the_manifest_says_where_every_pixel_comes_from(core):
    _, out = make(core)
    for line in lines(out)[:3]:
        image = read_image(line["image"])
        seen = np.zeros(image.shape[:2], int)
        for entry in line["tiles"]:
            tile = read_image(out / "HR" / entry["tile"])
            assert tile.shape == (64, 64, 3)
            piece = tile[entry["top"] : entry["top"] + entry["height"], entry["left"] : entry["left"] + entry["width"]]
            rows, columns = slice(entry["row"], entry["row"] + entry["height"]), slice(entry["column"], entry["column"] + entry["width"])
            np.testing.assert_array_equal(piece, image[rows, columns])
            seen[rows, columns] += 1
        assert (seen == 1).all()


def test_the_frame_is_gaussian_rgb_noise_around_the_middle():
    tile, top, left = pad_with_noise(np.zeros((10, 20, 3), np.uint8), (256, 256), 40.0, np.random.default_rng(0))
    assert (top, left) == (123, 118)
    noise = np.delete(tile, range(top, top + 10), axis=0).astype(float)
    assert abs(noise.mean() - 127.5) < 1
    assert abs(noise.std() - 40) < 1
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_a_killed_run_goes_on_to_the_same_files(core, monkeypatch):
    _, whole = make(core, out="whole")
    divide_one, calls = room._divide_one, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return divide_one(*arguments)

    monkeypatch.setattr(room, "_divide_one", interrupted)
    monkeypatch.setattr(room.os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        make(core)
    monkeypatch.undo()
    with (core.parent / "tiles/manifest.jsonl").open("a") as manifest:
        manifest.write('{"image": "cut o')
    _, out = make(core)
    files = sorted(path.name for path in (whole / "HR").iterdir())
    assert files == sorted(path.name for path in (out / "HR").iterdir())
    assert all((out / "HR" / name).read_bytes() == (whole / "HR" / name).read_bytes() for name in files)
    assert lines(out) == lines(whole)


def test_a_finished_run_is_not_done_again(core, monkeypatch):
    first, _ = make(core)
    monkeypatch.setattr(room, "_divide_one", None)
    assert make(core)[0] | {"seconds": 0} == first | {"seconds": 0}


def test_other_seeds_give_other_noise(core):
    _, one = make(core)
    _, two = make(core, out="other", seed=1)
    name = lines(one)[2]["tiles"][0]["tile"]
    assert (read_image(one / "HR" / name) != read_image(two / "HR" / name)).any()


def test_another_request_into_the_same_folder_is_refused(core):
    make(core)
    with pytest.raises(RequestError, match=r"holds tiles of another request \(method was 'noise_framed'\)"):
        make(core, "divide_and_conquer")
    with pytest.raises(RequestError, match="exists and is not empty"):
        make(core, out="core")
    write_image(core / "a0.png", read_image(core / "a.png"))
    with pytest.raises(RequestError, match="was begun with other images"):
        make(core)


def test_a_set_of_which_no_tile_can_be_made_is_told(core):
    for name in ("a.png", "b.png"):
        (core / name).unlink()
    with pytest.raises(VisionfwError, match="no tile could be made; 1 images are smaller than 64 pixels"):
        make(core, "divide_and_conquer")


@given(st.integers(1, 400), st.integers(1, 400), st.integers(8, 128), st.integers(1, 40))
def test_the_cells_cover_the_image_once(height, width, size, least):
    framed = list(cells(height, width, size, framed=True))
    assert sum(h * w for _, _, h, w in framed) == height * width
    whole = set(cells(height, width, size, framed=False))
    assert len(whole) == (height // size) * (width // size)
    assert whole <= set(framed)
    large = set(cells(height, width, size, framed=True, least=least))
    assert large == {cell for cell in framed if min(cell[2:]) >= least or cell in whole}


def test_fewer_images_than_before_are_refused(core):
    make(core)
    (core / "d.png").unlink()
    with pytest.raises(RequestError, match=r"was begun with other images \(.*d\.png is not there"):
        make(core)


def test_a_folder_that_was_only_just_begun_is_gone_on_with(core):
    (core.parent / "tiles" / "HR").mkdir(parents=True)
    assert make(core)[0]["tiles"] == 15


@pytest.mark.parametrize(("file", "content"), [("summary.json", "[]"), ("summary.json", "{"), ("manifest.jsonl", "nonsense\n")])
def test_damaged_notes_are_told(core, file, content):
    make(core)
    (core.parent / "tiles" / file).write_text(content)
    with pytest.raises(VisionfwError, match=rf"{file}: (is damaged|cannot be read)"):
        make(core)
