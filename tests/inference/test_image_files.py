"""Files through a model: every kind comes out as it came in, larger; a broken one is one line and is skipped."""

import numpy as np
import pytest
from odd_files import BROKEN, ODD, write_odd_files
from PIL import Image

import visionfw as vf
from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_header, read_image, write_image
from visionfw.imaging.pictures import read_picture
from visionfw.inference.image_files import find_jobs, upscale_files
from visionfw.inference.upscaler import Upscaler

BICUBIC = {"name": "bicubic", "scale": 2, "layer": [(0, 1)], "layer_sub": "Bicubic", "layer_par": {"scale": 2}}


@pytest.fixture(scope="module")
def upscaler():
    return Upscaler(vf.build(BICUBIC))


def run(upscaler, images, out, overwrite=False):
    lines = []
    summary = upscale_files(upscaler, find_jobs(str(images), str(out)), overwrite, lines.append, lambda done, total: None)
    return summary, lines


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "images"
    write_odd_files(folder, read_image(find_sets("embedded/test")[0].hr[1]))
    return folder


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_odd_files_come_out_as_they_came_in(tmp_path, odd, color):
    said = []
    jobs = find_jobs(str(odd), str(tmp_path / "out"))
    with pytest.raises(VisionfwError, match=rf"; {len(BROKEN)} of {len(jobs)} failed \(each is named above\)"):
        upscale_files(Upscaler(vf.build(BICUBIC | {"color": color})), jobs, False, said.append, lambda done, total: None)
    skipped = [line for line in said if line.startswith("skipped: ")]
    for name in BROKEN:
        (line,) = [line for line in skipped if f"/{name}:" in line]
        assert "\n" not in line
        assert not (tmp_path / "out" / name).exists()
    for name in ODD:
        before, after = read_header(odd / name), read_header(tmp_path / "out" / name)
        assert (after.height, after.width) == (2 * before.height, 2 * before.width)
        assert (after.bits, after.has_alpha) == (before.bits, before.has_alpha)
        if before.mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK") and "key" not in name:
            assert after.mode == before.mode
        small = read_picture(odd / name)
        if before.mode != "1" and min(before.height, before.width) > 8:
            expected = np.clip(vf.imresize(small.rgb().astype(float), 2), 0, 255)
            assert np.abs(read_picture(tmp_path / "out" / name).rgb() - expected).mean() < 9  # palettes and JPEG lose some


def test_folders_keep_their_order_below(tmp_path, upscaler, photograph):
    for place in ("in/a/b/x.png", "in/y.png", "in/.hidden/z.png", "in/a/notes.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("") if place.endswith("txt") else write_image(tmp_path / place, photograph[:12, :13])
    summary, said = run(upscaler, tmp_path / "in", tmp_path / "in" / "made")
    assert (summary, said) == ("2 images upscaled", [])
    assert sorted(str(path.relative_to(tmp_path / "in" / "made")) for path in (tmp_path / "in" / "made").rglob("*.png")) == ["a/b/x.png", "y.png"]
    summary, _ = run(upscaler, tmp_path / "in", tmp_path / "in" / "made")  # results are not upscaled again
    assert summary == "0 images upscaled, 2 existed already (--overwrite replaces them)"


def test_files_that_exist_are_kept_unless_asked(tmp_path, upscaler, photograph):
    write_image(tmp_path / "x.png", photograph[:12, :13])
    (tmp_path / "out").mkdir()
    write_image(tmp_path / "out" / "x.png", photograph[:5, :5])
    run(upscaler, tmp_path / "x.png", tmp_path / "out")
    assert read_image(tmp_path / "out" / "x.png").shape == (5, 5, 3)
    run(upscaler, tmp_path / "x.png", tmp_path / "out", overwrite=True)
    assert read_image(tmp_path / "out" / "x.png").shape == (24, 26, 3)


def test_metadata_stays(tmp_path, upscaler, photograph):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = 6
    Image.fromarray(photograph[:20, :30]).save(tmp_path / "x.jpg", exif=exif)
    run(upscaler, tmp_path / "x.jpg", tmp_path / "out")
    with Image.open(tmp_path / "out" / "x.jpg") as made:
        assert made.size == (40, 60)  # upright
        assert made.getexif()[0x010F] == "a camera"
        assert made.getexif().get(0x0112, 1) == 1


def test_alpha_is_upscaled_too(tmp_path, upscaler):
    levels = np.zeros((10, 12, 4), np.uint8)
    levels[:, 6:, 3] = 255
    Image.fromarray(levels).save(tmp_path / "x.png")
    run(upscaler, tmp_path / "x.png", tmp_path / "out")
    with Image.open(tmp_path / "out" / "x.png") as made:
        alpha = np.array(made)[..., 3]
    assert alpha.shape == (20, 24)
    assert (alpha[:, :9] == 0).all() and (alpha[:, 15:] == 255).all()


@pytest.mark.parametrize(
    ("images", "out", "sentence"),
    [
        ("nowhere", "out", "--images: there is no .*nowhere"),
        ("empty", "out", "holds no images"),
        ("a,b", "out", r"a/x\.png and .*b/x\.png would both become .*; upscale them into two folders"),
        ("a", "a/x.png", "is a file; name a folder"),
        ("a/x.png", "a", "would be overwritten by its own result; name another folder"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(tmp_path, monkeypatch, photograph, images, out, sentence):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b", "empty"):
        (tmp_path / folder).mkdir()
        if folder != "empty":
            write_image(tmp_path / folder / "x.png", photograph[:8, :8])
    with pytest.raises(RequestError, match=sentence):
        find_jobs(images, out)


def test_a_result_that_its_format_cannot_hold_is_refused(tmp_path, upscaler, photograph):
    write_image(tmp_path / "x.webp", np.resize(photograph[:2], (2, 9000, 3)))
    with pytest.raises(VisionfwError, match="1 of 1 failed"):
        run(upscaler, tmp_path / "x.webp", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_to_folders_are_followed_and_circles_end(tmp_path, photograph):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    write_image(tmp_path / "elsewhere" / "x.png", photograph[:8, :8])
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "circle").symlink_to(tmp_path / "in")
    jobs = find_jobs(str(tmp_path / "in"), str(tmp_path / "out"))
    assert [str(job.target.relative_to(tmp_path / "out")) for job in jobs] == ["link/x.png"]


def test_a_folder_above_the_images_can_be_written(tmp_path, photograph):
    (tmp_path / "up" / "pictures").mkdir(parents=True)
    write_image(tmp_path / "up" / "pictures" / "a,b.png", photograph[:8, :8])
    (job,) = find_jobs(str(tmp_path / "up" / "pictures"), str(tmp_path / "up"))
    assert job.target == tmp_path / "up" / "a,b.png"
    (job,) = find_jobs(str(tmp_path / "up" / "pictures" / "a,b.png"), str(tmp_path / "out"))
    assert job.target == tmp_path / "out" / "a,b.png"
    with pytest.raises(RequestError, match="would be overwritten by its own result"):
        find_jobs(str(tmp_path / "up" / "pictures"), str(tmp_path / "up" / "pictures"))


class WithoutMemory:
    """An upscaler whose memory is used up by images wider than 20 pixels."""

    scale = 2

    def __init__(self, error):
        self.error = error

    def upscale_image(self, image):
        if image.shape[1] > 20:
            raise self.error
        return image.repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"), VisionfwError("not enough memory to upscale it")],
    ids=["NumPy", "TensorFlow", "a model"],
)
def test_an_image_that_does_not_fit_into_memory_is_one_line_and_the_others_go_on(tmp_path, photograph, error):
    (tmp_path / "in").mkdir()
    for name, width in (("a", 40), ("b", 12)):
        write_image(tmp_path / "in" / f"{name}.png", photograph[:10, :width])
    lines = []
    with pytest.raises(VisionfwError, match=r"^1 image upscaled; 1 of 2 failed \(each is named above\)$"):
        upscale_files(WithoutMemory(error), find_jobs(str(tmp_path / "in"), str(tmp_path / "out")), False, lines.append, lambda done, total: None)
    assert lines == [f"skipped: {tmp_path / 'in' / 'a.png'}: not enough memory to upscale it"]
    assert read_image(tmp_path / "out" / "b.png").shape == (20, 24, 3)


def test_a_mistake_in_the_program_is_not_taken_for_a_bad_image(tmp_path, photograph):
    write_image(tmp_path / "a.png", photograph[:10, :40])
    with pytest.raises(ZeroDivisionError):
        upscale_files(WithoutMemory(ZeroDivisionError()), find_jobs(str(tmp_path / "a.png"), str(tmp_path / "out")), False, print, lambda done, total: None)


@pytest.mark.parametrize(("suffix", "side", "fits"), [(".jpg", 32750, True), (".jpg", 32751, False), (".webp", 8191, True), (".webp", 8192, False)])
def test_the_longest_side_of_a_format_is_known_before_anything_is_computed(tmp_path, suffix, side, fits):
    write_image(tmp_path / f"x{suffix}", np.zeros((1, side, 3), np.uint8))
    upscaler = WithoutMemory(VisionfwError("was tried"))
    lines = []
    with pytest.raises(VisionfwError):
        upscale_files(upscaler, find_jobs(str(tmp_path / f"x{suffix}"), str(tmp_path / "out")), False, lines.append, lambda done, total: None)
    assert lines[0].endswith("was tried" if fits else f"would be {2 * side} pixels long, and {suffix} holds {65500 if suffix == '.jpg' else 16383}")


def test_every_file_is_opened_once(tmp_path, monkeypatch, photograph):
    write_image(tmp_path / "x.png", photograph[:10, :12])
    opened = []
    monkeypatch.setattr(Image, "open", lambda path, *rest, open=Image.open: opened.append(path) or open(path, *rest))
    upscale_files(WithoutMemory(None), find_jobs(str(tmp_path / "x.png"), str(tmp_path / "out")), False, print, lambda done, total: None)
    assert len(opened) == 1
