"""Headers alone tell what a store would hold, without writing one."""

import numpy as np
import pytest

from visionfw.data.cache import open_headers, open_sets
from visionfw.data.datasets import find_sets, rescaled
from visionfw.errors import VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import write_image

BICUBIC = Degradation.parse("bicubic", 4, 0)


@pytest.mark.parametrize("min_side", [0, 160])
def test_they_tell_what_decoding_would(image_folder, tmp_path, photograph, min_side):
    write_image(image_folder / "gray.png", photograph[:50, :61, 0])
    write_image(image_folder / "tiny.png", photograph[:3, :3])
    sets = [*find_sets(str(image_folder)), *rescaled(find_sets(str(image_folder)), (0.6,))]
    headers, store = open_headers(sets, BICUBIC, min_side=min_side), open_sets(sets, BICUBIC, tmp_path / "cache", min_side=min_side)
    assert (headers.paths, headers.scale, headers.format_notes) == (store.paths, store.scale, store.format_notes)
    for name in ("sizes", "offsets", "parts"):
        np.testing.assert_array_equal(getattr(headers, name), getattr(store, name))


def test_files_without_a_header_are_named(image_folder):
    (image_folder / "broken.png").write_text("nothing")
    sets = find_sets(str(image_folder))
    with pytest.raises(VisionfwError, match=r"broken\.png: .*\n1 of 4 images cannot be used; --invalid_images=skip goes on without them"):
        open_headers(sets, BICUBIC)
    assert [path.name for path, _ in open_headers(sets, BICUBIC, invalid_images="skip").skipped] == ["broken.png"]


def test_a_set_without_a_usable_image_is_reported(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "broken.png").write_text("nothing")
    with pytest.raises(VisionfwError, match=r"none of its 1 images can be used: broken\.png"):
        open_headers(find_sets(str(tmp_path / "set")), BICUBIC, invalid_images="skip")
