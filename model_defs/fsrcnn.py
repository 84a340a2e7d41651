"""FSRCNN: shrink, map, expand, and one transposed convolution at the end.

Dong et al., Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016. https://arxiv.org/abs/1608.00367

Defaults: FSRCNN (56, 12, 4) on luma. FSRCNN-s: `--model_args=filters=32,shrunk=5,mappings=1`.

    python train.py --model=fsrcnn --scale=3 --loss=mse --optimizer=adam --learning_rate=1e-3 --batch_size=16 --train_data=T91,General100 --steps=1000000

Published, x4, Y: Set5 30.71 dB.
"""

FAMILY = "CNN"


def fsrcnn(*, scale=4, filters=56, shrunk=12, mappings=4):
    """Return FSRCNN's dictionary.

    Args:
        scale: 1 to 9. Up to 5, an LR pixel lies under the center of the last kernel, as in the published weights.
        filters: d, features of the LR image.
        shrunk: s, features inside.
        mappings: m, number of 3x3 convolutions inside.
    """
    if not 1 <= scale <= 9:
        raise ValueError(f"scale must be 1 to 9, not {scale}")
    before = min(4, 9 - scale)
    inside = [f"map_{number}" for number in range(mappings)]
    steps = ["feature", "shrink", *inside, "expand"]
    sizes = [(filters, 5), (shrunk, 1), *[(shrunk, 3)] * mappings, (filters, 1)]
    entries = [0, *[f"{step}_prelu" for step in steps[:-1]]]
    return {
        "name": "FSRCNN",
        "paper": "https://arxiv.org/abs/1608.00367",
        "scale": scale,
        "color": "y",
        "conv": [*zip(entries, steps), ("expand_prelu", "enlarged")],
        "conv_sub": [*["Conv2D"] * len(steps), "Conv2DTranspose"],
        "conv_par": [
            *[{"filters": count, "kernel_size": kernel} for count, kernel in sizes],
            {"filters": 1, "kernel_size": 9, "strides": scale, "padding": "valid"},
        ],
        "layer": [("enlarged", "sr")],
        "layer_sub": "Cropping2D",
        "layer_par": {"cropping": [[before, 9 - scale - before]] * 2},
        "activation": [(step, f"{step}_prelu") for step in steps],
        "activation_sub": "PReLU",
        "activation_par": {"shared_axes": [1, 2]},
    }
