"""FSRCNN: shrink, map, expand, and one transposed convolution at the end.

Dong et al., Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016. https://arxiv.org/abs/1608.00367

Defaults: FSRCNN (56, 12, 4) on luma. FSRCNN-s: `--model_args=filters=32,shrunk=5,mappings=1`.

    python train.py --model=fsrcnn --scale=3 --loss=mse --optimizer=adam --batch_size=16 --train_data=T91,General100 --steps=1000000

Published, x4, Y: Set5 30.71 dB.
"""


def fsrcnn(*, scale=4, filters=56, shrunk=12, mappings=4):
    """Return FSRCNN's dictionary.

    Args:
        scale: any whole number.
        filters: d, features of the LR image.
        shrunk: s, features inside.
        mappings: m, number of 3x3 convolutions inside.
    """
    inside = [f"map_{number}" for number in range(mappings)]
    steps = ["feature", "shrink", *inside, "expand"]
    sizes = [(filters, 5), (shrunk, 1), *[(shrunk, 3)] * mappings, (filters, 1)]
    entries = [0, *[f"{step}_prelu" for step in steps[:-1]]]
    return {
        "name": "FSRCNN",
        "paper": "https://arxiv.org/abs/1608.00367",
        "scale": scale,
        "colour": "y",
        "conv": [*zip(entries, steps), ("expand_prelu", "sr")],
        "conv_sub": [*["Conv2D"] * len(steps), "Conv2DTranspose"],
        "conv_par": [
            *[{"filters": count, "kernel_size": kernel} for count, kernel in sizes],
            {"filters": 1, "kernel_size": 9, "strides": scale},
        ],
        "activation": [(step, f"{step}_prelu") for step in steps],
        "activation_sub": "PReLU",
        "activation_par": {"shared_axes": [1, 2]},
    }
