"""Tiles of an axis: every pixel once, each with all that the model sees around it, on the strides of the whole image."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.inference.tiles import size_for, spans, tiles


@given(st.integers(1, 400), st.integers(1, 90), st.integers(0, 40), st.sampled_from([1, 2, 3, 4, 8]))
def test_kept_parts_follow_one_another_and_see_their_halo(length, size, halo, step):
    halo = -(-halo // step) * step
    found = spans(length, size, halo, step)
    assert found[0].first == 0 and found[-1].last == length
    for one, following in pairwise(found):
        assert one.last == following.first
    for span in found:
        assert 0 <= span.start <= span.first < span.last <= span.stop <= length
        assert span.start == 0 or span.first - span.start >= halo
        assert span.stop == length or span.stop - span.last >= halo
        assert span.start % step == 0
        assert (span.stop - span.start - length) % step == 0
    assert len({span.stop - span.start for span in found}) == 1


def test_a_small_image_is_one_tile():
    assert len(spans(50, 64, 10)) == 1
    assert len(list(tiles((50, 300), 64, 10))) == len(spans(300, 64, 10)) > 1


@pytest.mark.parametrize(("budget", "expected"), [(10**9, 980), (10**4, 16)])
def test_tiles_are_as_large_as_the_budget_allows(budget, expected):
    assert size_for(budget, 1000, 10) == expected
