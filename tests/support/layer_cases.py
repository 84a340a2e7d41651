"""Every layer of ours on fixed inputs. Run as a script: computes outputs and gradients on the backend in use, into an .npz file."""

import sys

import numpy as np

#: Parameters and the shape of the input; for a layer of several sources a list of shapes.
CASES = {
    "BatchNormalization": ({"epsilon": 0.01}, (2, 3, 4, 5)),
    "CosineWindowAttention": ({"heads": 2, "window": 4, "shift": 1}, (2, 4, 8, 8)),
    "OverlappingWindowAttention": ({"heads": 2, "window": 4, "overlap": 2}, (2, 7, 10, 8)),
    "PermutedWindowAttention": ({"heads": 2, "window": 6, "shift": 3}, (2, 12, 6, 8)),
    "PReLU": ({"shared_axes": [1, 2]}, (2, 3, 4, 5)),
    "PixelShuffle": ({"size": 2}, (2, 3, 5, 12)),
    "Bicubic": ({"scale": 3}, (2, 5, 4, 3)),
    "Nearest": ({"scale": 2}, (2, 3, 5, 3)),
    "GroupNormalization": ({"groups": 2, "epsilon": 0.01}, (2, 3, 4, 6)),
    "LayerScale": ({"initial": 0.0}, (2, 4, 3, 5)),
    "MeanShift": ({"mean": [0.1, 0.2, 0.3], "sign": 1}, (2, 4, 4, 3)),
    "ChannelSlice": ({"start": 1, "stop": 3}, (2, 4, 4, 5)),
    "GlobalDeviationPooling2D": ({"keepdims": True}, (2, 4, 5, 3)),
    "EdgeFilter": ({"kind": "sobel_y"}, (2, 5, 6, 3)),
    "ChannelShuffle": ({"groups": 3}, (2, 4, 4, 6)),
    "ChannelRepeat": ({"times": 3}, (2, 4, 4, 2)),
    "OffsetUpsampling": ({"scale": 2, "groups": 2}, [(2, 3, 5, 4), (2, 3, 5, 16)]),
    "BlockAttention": ({"heads": 2, "window": 2, "grid": True}, (2, 4, 6, 24)),
    "BlockChannelAttention": ({"heads": 2, "window": 2}, (2, 4, 6, 24)),
    "ReplicatePadding": ({"padding": ((1, 2), (0, 3))}, (2, 4, 5, 2)),
    "ReflectPadding": ({"padding": ((2, 1), 3), "multiple": 3}, (2, 4, 5, 2)),
    "SelfAttention": ({"heads": 2}, (2, 4, 3, 8)),
    "SpectralConv2D": ({"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 6, 5, 3)),
    "ChannelSelfAttention": ({"heads": 2}, (2, 4, 3, 24)),
    "RectangleWindowAttention": ({"heads": 4, "window": [2, 4], "shifted": True}, (2, 5, 7, 96)),
    "RecursiveGeneralizationAttention": ({"heads": 2}, (2, 37, 9, 8)),
    "QkvWindowAttention": ({"heads": 2, "window": 4, "shift": 2}, (2, 7, 10, 24)),
    "CategoryAttention": ({"heads": 2, "category_size": 7}, [(2, 4, 3, 24), (2, 4, 3, 5)]),
    "TokenDictionary": ({"tokens": 5}, (2, 4, 3, 8)),
    "TokenMixture": ({}, [(2, 4, 3, 5), (2, 5, 8)]),
    "TokenRefinement": ({}, [(2, 4, 3, 8), (2, 4, 3, 5), (2, 5, 8)]),
    "TokenSimilarity": ({"reduced": 3}, [(2, 4, 3, 8), (2, 5, 8)]),
    "WindowAttention": ({"heads": 2, "window": 4, "shift": 2}, (2, 7, 10, 8)),
    "PadToMinimum": ({"minimum": 4}, (2, 3, 5, 2)),
    "PadToMultiple": ({"multiple": 4, "edge": "reflect"}, (2, 3, 5, 2)),
    "CropPadding": ({"multiple": 4, "scale": 2}, [(2, 8, 16, 2), (2, 3, 5, 3)]),
    "PixelUnshuffle": ({"size": 2}, (2, 4, 6, 3)),
    "ResizeLike": ({"interpolation": "bilinear"}, [(2, 3, 4, 2), (2, 7, 9, 5)]),
    "Interpolate": ({"scale": 3, "interpolation": "bicubic"}, (2, 5, 4, 2)),
    "AdaptivePooling2D": ({"divisor": 3, "kind": "average"}, (2, 7, 11, 3)),
    "Divide": ({"offset": 0.5}, [(2, 4, 3, 5), (2, 4, 3, 1)]),
    "GlobalResponseNormalization": ({"epsilon": 0.01}, (2, 4, 3, 5)),
    "Power": ({"exponent": 0.5, "offset": 0.1}, (2, 4, 3, 5)),
    "Reduce": ({"statistic": "norm", "over": "channels"}, (2, 4, 3, 5)),
    "SinusoidalEmbedding": ({"features": 8, "scale": 100.0}, (3, 1)),
}


def example(name: str):
    """Return a layer, built with fixed weights, and an input for it: an array, or a list of them for several sources."""
    from visionfw.layers import LAYERS

    parameters, shape = CASES[name]
    layer = LAYERS.load(name)(**parameters)
    random = np.random.default_rng(7)
    shapes = shape if isinstance(shape, list) else [shape]
    arrays = [random.random(one).astype("float32") for one in shapes]
    x, symbolic = (arrays, [(None, *one[1:]) for one in shapes]) if isinstance(shape, list) else (arrays[0], (None, *shape[1:]))
    layer.build(symbolic)
    weights = [random.normal(0, 0.5, weight.shape) for weight in layer.weights]
    layer.set_weights([abs(value) if "variance" in weight.path else value for weight, value in zip(layer.weights, weights, strict=True)])
    return layer, x


if __name__ == "__main__":
    import keras

    results = {}
    for name in CASES:
        layer, x = example(name)
        results[name] = keras.ops.convert_to_numpy(layer(keras.tree.map_structure(keras.ops.convert_to_tensor, x)))
    np.savez(sys.argv[1], backend=keras.backend.backend(), **results)
