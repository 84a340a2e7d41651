"""Training sets of tiles: whole, counted, restartable, and in bounded memory."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.data.build.tile import TileOptions, all_pieces, tile_images, whole_tiles
from visionfw.data.datasets import find_sets
from visionfw.data.pairs import pad_with_noise
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_image, write_image


@pytest.fixture
def source(tmp_path, photograph):
    folder = tmp_path / "source"
    folder.mkdir()
    write_image(folder / "a.png", photograph[:150, :200])  # 2 x 3 whole tiles of 64, leftovers
    write_image(folder / "b.png", photograph[:64, 100:228])  # exactly 2
    write_image(folder / "c.png", photograph[200:230, 10:60])  # smaller than a tile
    (folder / "d.png").write_text("no image")
    return folder


def make(source, method="pad_with_noise", out="tiles", progress=None, **more):
    folder = source.parent / out
    return tile_images(find_sets(str(source)), folder, TileOptions(method=method, size=64, **more), progress), folder


def lines(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", ["tile", "divide_and_conquer"])
def test_whole_tiles_are_kept_and_leftovers_dropped(source, method):
    summary, out = make(source, method)
    assert summary["options"]["method"] == "tile"
    assert (summary["tiles"], summary["padded tiles"], summary["images too small"]) == (8, 0, 1)
    assert len(list((out / "HR").iterdir())) == 8
    assert len(summary["images skipped"]) == 1 and "not an image" in summary["images skipped"][0]


def test_padding_uses_every_leftover_and_small_image(source):
    summary, out = make(source)
    assert summary["tiles"] == 3 * 4 + 2 + 1
    assert summary["padded tiles"] == 12 - 6 + 1
    assert summary["whole tiles"] == 8
    assert summary["images needed for as many whole tiles"] == round(3 * 15 / 8)
    assert summary["images saved compared with one tile an image"] == 15 - 3
    assert summary["bytes of the tiles"] == sum(path.stat().st_size for path in (out / "HR").iterdir())


def test_the_manifest_says_where_every_pixel_comes_from(source):
    _, out = make(source)
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


def test_the_padding_is_gaussian_rgb_noise_around_the_middle():
    tile, top, left = pad_with_noise(np.zeros((10, 20, 3), np.uint8), (256, 256), 40.0, np.random.default_rng(0))
    assert (top, left) == (123, 118)
    noise = np.delete(tile, range(top, top + 10), axis=0).astype(float)
    assert abs(noise.mean() - 127.5) < 1
    assert abs(noise.std() - 40) < 1
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_an_interrupted_run_continues_to_the_same_files(source):
    _, whole = make(source, out="whole")

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(source, progress=interrupt)
    with (source.parent / "tiles/manifest.jsonl").open("a") as manifest:
        manifest.write('{"image": "cut o')
    _, out = make(source)
    files = sorted(path.name for path in (whole / "HR").iterdir())
    assert files == sorted(path.name for path in (out / "HR").iterdir())
    assert all((out / "HR" / name).read_bytes() == (whole / "HR" / name).read_bytes() for name in files)
    assert lines(out) == lines(whole)


def test_a_finished_run_is_not_done_again_but_lost_tiles_are(source):
    first, out = make(source)
    times = {path: path.stat().st_mtime_ns for path in (out / "HR").iterdir()}
    assert make(source)[0] | {"seconds": 0} == first | {"seconds": 0}
    assert {path: path.stat().st_mtime_ns for path in (out / "HR").iterdir()} == times
    lost = next(iter(times))
    content = lost.read_bytes()
    lost.unlink()
    make(source)
    assert lost.read_bytes() == content


def test_other_seeds_give_other_noise(source):
    _, one = make(source)
    _, two = make(source, out="other", seed=1)
    name = lines(one)[2]["tiles"][0]["tile"]
    assert (read_image(one / "HR" / name) != read_image(two / "HR" / name)).any()


def test_other_options_into_the_same_folder_are_refused(source):
    make(source)
    with pytest.raises(RequestError, match=r"holds tiles that were cut in another way \(method was 'pad_with_noise'\)"):
        make(source, "tile")
    with pytest.raises(RequestError, match="exists and is not empty"):
        make(source, out="source")
    write_image(source / "a0.png", read_image(source / "a.png"))
    with pytest.raises(RequestError, match="was begun with other images"):
        make(source)


def test_a_set_of_which_no_tile_can_be_made_is_refused(source):
    for name in ("a.png", "b.png"):
        (source / name).unlink()
    with pytest.raises(VisionfwError, match="no tile could be made; 1 images are smaller than 64 pixels"):
        make(source, "tile")


@given(st.integers(1, 400), st.integers(1, 400), st.integers(8, 128), st.integers(1, 40))
def test_the_pieces_cover_the_image_once(height, width, size, min_side):
    pieces = list(all_pieces(height, width, size))
    assert sum(h * w for _, _, h, w in pieces) == height * width
    whole = set(whole_tiles(height, width, size))
    assert len(whole) == (height // size) * (width // size)
    assert whole <= set(pieces)
    large = set(all_pieces(height, width, size, min_side))
    assert large == {piece for piece in pieces if min(piece[2:]) >= min_side or piece in whole}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "tyle"}, "no method 'tyle'; did you mean 'tile'?"),
        ({"size": 0, "min_side": 0}, "size must be from 1 to 8192, not 0\nmin_side must be from 1 to 8192, not 0"),
        ({"noise_sigma": float("nan")}, "noise_sigma must be from 0 to 1e+06, not nan"),
        ({"seed": -1}, "seed must be from 0 to inf, not -1"),
    ],
)
def test_wrong_options_are_refused_with_every_problem(options, sentence):
    with pytest.raises(RequestError) as caught:
        TileOptions(**options)
    assert str(caught.value) == sentence


def test_fewer_images_than_before_are_refused(source):
    make(source)
    (source / "d.png").unlink()
    with pytest.raises(RequestError, match=r"was begun with other images \(.*d\.png is missing"):
        make(source)


def test_a_folder_that_was_only_just_begun_is_continued(source):
    (source.parent / "tiles" / "HR").mkdir(parents=True)
    assert make(source)[0]["tiles"] == 15


@pytest.mark.parametrize(("file", "content"), [("summary.json", "[]"), ("summary.json", "{"), ("manifest.jsonl", "nonsense\n")])
def test_damaged_notes_are_reported(source, file, content):
    make(source)
    (source.parent / "tiles" / file).write_text(content)
    with pytest.raises(VisionfwError, match=rf"{file}: (is damaged|cannot be read)"):
        make(source)
