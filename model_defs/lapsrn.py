"""LapSRN: a pyramid that doubles the image level by level, a residual added to each learned upscaling.

Lai et al., Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution, CVPR 2017. https://arxiv.org/abs/1704.03915

Defaults: as published, 10 convolutions of 64 features a level, on luma. The PyTorch implementation whose files open here is
twtygqyy's, with larger kernels in the transposed convolutions and no biases: `--model_args=kernel_size=4,bias=False`.

    python train.py --model=lapsrn --model_args=every_level=True --loss=charbonnier --optimizer=sgd --learning_rate=1e-5 --batch_size=64 --patch_size=32

Published, Y: x2 Set5 37.52 dB; x4 Set5 31.54, Set14 28.19, BSD100 27.32 dB; x8 Set5 26.14 dB.
"""

import math

FAMILY = "CNN"


def lapsrn(*, scale=4, color="y", layers=10, filters=64, kernel_size=3, bias=True, every_level=False):
    """Return LapSRN's dictionary.

    Args:
        scale: 2, 4 or 8.
        color: 'y' for luma, 'rgb'.
        layers: convolutions of a level before its features are doubled in size.
        filters: features.
        kernel_size: side of the kernels that double the features' size.
        bias: convolutions have biases; those that double the image have none.
        every_level: return the images of all levels, as 'x2', 'x4' and so on up to 'sr'; each is trained by a loss of its own, as published.
    """
    if scale not in (2, 4, 8):
        raise ValueError(f"scale must be 2, 4 or 8, not {scale}")
    channels = {"y": 1, "rgb": 3}[color]
    doubling = {"filters": channels, "kernel_size": 4, "strides": 2, "use_bias": False, "kernel_initializer": _bilinear(channels)}
    levels = round(math.log2(scale))
    images = [0, *(f"x{2**level}" for level in range(1, levels)), "sr"]
    links = [(0, "Conv2D", "head"), ("head", "LeakyReLU", "features_0")]
    for level in range(1, levels + 1):
        links += [
            (f"features_{level - 1}", "convolution", f"deep_{level}", {"repeat": layers}),
            (f"deep_{level}", "Conv2DTranspose", f"doubled_{level}", {"kernel_size": kernel_size, "strides": 2}),
            (f"doubled_{level}", "LeakyReLU", f"features_{level}"),
            (f"features_{level}", "Conv2D", f"residual_{level}", {"filters": channels}),
            (images[level - 1], "Conv2DTranspose", f"upscaled_{level}", doubling),
            ((f"upscaled_{level}", f"residual_{level}"), "Add", images[level]),
        ]
    return {
        "name": "LapSRN",
        "paper": "https://arxiv.org/abs/1704.03915",
        "scale": scale,
        "color": color,
        "outputs": {name: name for name in images[1 if every_level else -1 :]},
        "defaults": {"conv": {"filters": filters, "use_bias": bias}, "activation": {"negative_slope": 0.2}},
        "blocks": {"convolution": {"links": [(0, "Conv2D", "convolved"), ("convolved", "LeakyReLU", "active")]}},
        "links": links,
    }


def _bilinear(channels):
    """Return an initializer with which doubling the image is bilinear upscaling."""
    side = (0.25, 0.75, 0.75, 0.25)
    kernel = [[[[a * b * (one == other) for one in range(channels)] for other in range(channels)] for b in side] for a in side]
    return {"class_name": "Constant", "config": {"value": kernel}}


def names(*, scale, layers, **_):
    """Return the keys of twtygqyy's state_dict by our layers' names."""
    keys = {"conv_head": "conv_input"}
    for level in range(1, round(math.log2(scale)) + 1):
        keys |= {
            f"block_deep_{level}-*-conv_convolved": f"convt_F{level}.0.cov_block.{{2*}}",
            f"conv_doubled_{level}": f"convt_F{level}.0.cov_block.{2 * layers}",
            f"conv_residual_{level}": f"convt_R{level}",
            f"conv_upscaled_{level}": f"convt_I{level}",
        }
    return keys


def detect(state):
    """Return the arguments of the model in a state_dict."""
    filters, channels = state["conv_input.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    layers = (state.count("convt_F1.0.cov_block.*.weight") - 1) // 2
    return {
        "scale": 2 ** (state.count("convt_I*.weight") - 1),
        "color": "y" if channels == 1 else "rgb",
        "layers": layers,
        "filters": filters,
        "kernel_size": state[f"convt_F1.0.cov_block.{2 * layers}.weight"][2],
        "bias": "conv_input.bias" in state,
    }
