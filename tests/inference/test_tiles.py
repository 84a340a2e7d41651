"""Tiles of an axis: every pixel is kept once, with the model's receptive field around it, on the strides of the whole image."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.inference.tiles import Span, spans, tile_size_for, tiles


@given(st.integers(1, 400), st.integers(1, 90), st.integers(0, 40), st.sampled_from([1, 2, 3, 4, 8]))
def test_kept_parts_follow_one_another_and_see_their_overlap(length, size, overlap, alignment):
    overlap = -(-overlap // alignment) * alignment
    axis = spans(length, size, overlap, alignment)
    assert axis[0].keep_start == 0 and axis[-1].keep_stop == length
    for one, following in pairwise(axis):
        assert one.keep_stop == following.keep_start
    for span in axis:
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        assert span.start == 0 or span.keep_start - span.start >= overlap
        assert span.stop == length or span.stop - span.keep_stop >= overlap
        assert span.start % alignment == 0
        assert (span.stop - span.start - length) % alignment == 0
    assert len({span.stop - span.start for span in axis}) == 1


def test_a_small_image_is_one_tile():
    assert spans(50, 64, 10) == [Span(0, 50, 0, 50)]
    assert len(list(tiles((50, 300), 64, 10))) == len(spans(300, 64, 10)) > 1


def test_a_span_is_placed_in_images_of_any_scale():
    span = Span(start=10, stop=40, keep_start=16, keep_stop=34)
    assert span.input() == slice(10, 40)
    assert span.input(2) == slice(20, 80)
    assert span.kept(2) == slice(32, 68)
    assert span.kept_in_tile(2) == slice(12, 48)


@pytest.mark.parametrize(("pixels", "size"), [(10**6, 980), (10, 16)])
def test_tiles_are_as_large_as_the_budget_allows(pixels, size):
    assert tile_size_for(pixels, overlap=10) == size
