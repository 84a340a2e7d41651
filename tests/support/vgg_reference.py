"""VGG networks written out in NumPy, with PyTorch's weights: an independent reference of their features."""

import numpy as np


def convolution(x, kernel, bias):
    """Correlate (h, w, in) with (out, in, 3, 3), zeros around."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))  # (h, w, in, 3, 3)
    return np.tensordot(windows, kernel, axes=([2, 3, 4], [1, 2, 3])) + bias


def pool(x):
    """Return the maximum of every 2x2 pixels; an odd last row or column is dropped."""
    x = x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
    return np.maximum.reduce([x[row::2, column::2] for row in (0, 1) for column in (0, 1)])


def random_weights(blocks, seed):
    """Return random weights that keep the size of what passes through, as torchvision names them.

    Args:
        blocks: (numbers of the convolutions among torchvision's `features`, their filters) of every block.
        seed: of the random numbers.
    """
    random, arrays, depth = np.random.default_rng(seed), {}, 3
    for numbers, filters in blocks:
        for number in numbers:
            arrays[f"features.{number}.weight"] = random.normal(0, (2 / (9 * depth)) ** 0.5, (filters, depth, 3, 3)).astype(np.float32)
            arrays[f"features.{number}.bias"] = random.normal(0, 0.05, filters).astype(np.float32)
            depth = filters
    return arrays


def layers(x, arrays, blocks):
    """Yield (number, before activation, after activation) of every convolution, in their order."""
    for place, (numbers, _) in enumerate(blocks):
        x = pool(x) if place else x
        for number in numbers:
            linear = convolution(x, arrays[f"features.{number}.weight"], arrays[f"features.{number}.bias"])
            x = np.maximum(linear, 0)
            yield number, linear, x


#: torchvision's VGG19.
VGG19 = [((0, 2), 64), ((5, 7), 128), ((10, 12, 14, 16), 256), ((19, 21, 23, 25), 512), ((28, 30, 32, 34), 512)]


def vgg19_features(x, arrays, number, activated):
    """Return VGG19's features after a convolution, before or after its activation."""
    (found,) = ((linear, after) for place, linear, after in layers(x, arrays, VGG19) if place == number)
    return found[activated]


def standardized(image):
    """Return an RGB image in [0, 1] as PyTorch's weights expect it."""
    return (image - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
