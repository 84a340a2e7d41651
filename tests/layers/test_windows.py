"""What a layer says it reads holds: an output pixel changes with the input pixels in its window, and with no others."""

import keras
import numpy as np
import pytest
from layer_cases import CASES, example

from visionfw.layers import LAYERS
from visionfw.layers.facts import multiply_adds, receptive_window
from visionfw.layers.windows import Window

L = keras.layers
OF_KERAS = [
    L.Conv2D(3, (3, 5), padding="same"),
    L.Conv2D(3, 3, padding="valid"),
    L.Conv2D(3, 3, strides=2, padding="same"),
    L.Conv2D(3, 3, dilation_rate=3, padding="same"),
    L.DepthwiseConv2D(5, padding="same"),
    L.SeparableConv2D(3, 3, padding="same"),
    L.Conv2DTranspose(3, 4, strides=2, padding="same"),
    L.Conv2DTranspose(3, 9, strides=4, padding="valid"),
    L.MaxPooling2D(2),
    L.AveragePooling2D(3, strides=2, padding="same"),
    L.UpSampling2D(2),
    L.UpSampling2D(3, interpolation="bilinear"),
    L.UpSampling2D(2, interpolation="bicubic"),
    L.ZeroPadding2D(((2, 1), (0, 3))),
    L.Cropping2D(((2, 1), (1, 3))),
    L.ReLU(negative_slope=0.5),
    L.LayerNormalization(),
]


def reads(layer, x, axis):
    """Return, for each output row (or column), the input rows that it changes with."""
    before = np.asarray(layer(x))
    found = [set() for _ in range(before.shape[1 + axis])]
    for index in range(x.shape[1 + axis]):
        for sign in (1, -1):  # pooling may not notice one of them
            changed = x.copy()
            changed[(slice(None),) * (1 + axis) + (index,)] += sign
            differs = np.abs(np.asarray(layer(changed)) - before).max(axis=(0, 2 - axis, 3)) > 1e-6
            for place in np.flatnonzero(differs):
                found[place].add(index)
    return found


def assert_window_holds(layer, x, is_exact=True):
    for axis in (0, 1):
        window = receptive_window(layer, (x.shape[1:],), axis)
        for place, inside in enumerate(reads(layer, x, axis)):
            if inside:
                assert min(inside) >= place * window.stride + window.low - 1e-9, (axis, place, inside, window)
                assert max(inside) <= place * window.stride + window.high + 1e-9, (axis, place, inside, window)
                assert not is_exact or max(inside) - min(inside) + 1 <= window.taps, (axis, place, inside, window)


@pytest.mark.parametrize("layer", OF_KERAS, ids=lambda layer: layer.name)
def test_windows_of_keras_layers(layer):
    assert_window_holds(layer, np.random.default_rng(0).random((1, 12, 14, 4)).astype("float32"))


#: Layers whose output is no image of the input's kind, or whose example needs a test of its own.
_OTHERS = ("PadToMinimum", "PadToMultiple", "PermutedWindowAttention", "TokenDictionary")


@pytest.mark.parametrize("name", [name for name, (_, shape) in CASES.items() if len(shape) == 4 and name not in _OTHERS])
def test_windows_of_our_layers(name):
    layer, x = example(name)
    x = x[:, :, : x.shape[2] // 2 * 2]  # sizes that strides divide
    assert_window_holds(layer, x, is_exact=name not in ("ReflectPadding", "ReplicatePadding"))


def test_permuted_windows_are_windows_where_the_squares_of_a_key_do_not_straddle_the_edge():
    """With an odd shift, a square of 2 x 2 pixels that makes one key lies half on either side of the rolled edge, in the reference too."""
    layer = LAYERS.load("PermutedWindowAttention")(heads=2, window=4, shift=2)
    assert_window_holds(layer, np.random.default_rng(0).random((1, 12, 8, 8)).astype("float32"), is_exact=False)


@pytest.mark.parametrize("name", ["PadToMinimum", "PadToMultiple"])
def test_padding_at_the_end_moves_no_pixel_and_repeats_near_ones(name):
    """What stands in the padding is nearer to every pixel of the image than its own place, so no pixel sees more of the image by it."""
    layer, x = example(name)
    for axis, size in ((0, 3), (1, 5)):
        for place, inside in enumerate(reads(layer, x, axis)):
            assert inside == {place} if place < size else max(inside) < size and min(inside) >= 2 * (size - 1) - place


@pytest.mark.parametrize(("taps", "stride"), [(1, 1), (3, 1), (5, 2), (1, 1 / 3), (4, 1 / 4)])
def test_a_window_around_a_sample_holds_all_of_its_taps(taps, stride):
    window = Window.around(taps, stride)
    assert window.taps == taps
    assert window.high - window.low >= taps - 1


class Reading(keras.layers.Conv2D):
    """A convolution that reads more than its kernel, and does not say so."""

    def call(self, x):
        return super().call(x) + keras.ops.mean(x)


def test_a_class_derived_from_keras_layers_inherits_costs_but_no_window():
    layer, plain = Reading(3, 3, padding="same"), L.Conv2D(3, 3, padding="same")
    for one in (layer, plain):
        one.build((None, 8, 8, 2))
    assert receptive_window(layer, ((8, 8, 2),), 0).taps == np.inf
    assert multiply_adds(layer, ((8, 8, 2),), (8, 8, 3)) == multiply_adds(plain, ((8, 8, 2),), (8, 8, 3)) == 64 * 9 * 2 * 3
