"""SRResNet: sixteen residual blocks with batch normalization, and two pixel shuffles.

Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017. https://arxiv.org/abs/1609.04802

Defaults: as published, 16 blocks of 64 features, 9x9 convolutions at both ends.

    python train.py --model=srresnet --scale=4 --loss=mse --optimizer=adam --learning_rate=1e-4 --batch_size=16 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.05, Set14 28.49, BSD100 27.58 dB. As SRGAN's generator (trained further with
--init_from=RUN --adversarial=vanilla): Set5 29.40, Set14 26.02, BSD100 25.16 dB.
"""

import math

FAMILY = "CNN"


def srresnet(*, scale=4, blocks=16, filters=64, tanh=False):
    """Return SRResNet's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of residual blocks.
        filters: features.
        tanh: compute in [-1, 1] with a tanh at the end, as many SRGAN implementations do; input and output stay in [0, 1].
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    stages = [3] if scale == 3 else [2] * round(math.log2(scale))
    ups = [("summed" if number == 0 else f"up_{number}", f"up_{number + 1}") for number in range(len(stages))]
    enlarged = ups[-1][1] if ups else "summed"
    start, end = ("signed", "unbounded") if tanh else (0, "sr")
    signed = {
        "layer": [(0, "signed"), ("unbounded", "bounded"), ("bounded", "sr")],
        "layer_sub": ["Rescaling", "Activation", "Rescaling"],
        "layer_par": [{"scale": 2.0, "offset": -1.0}, {"activation": "tanh"}, {"scale": 0.5, "offset": 0.5}],
    }
    return {
        "name": "SRResNet",
        "paper": "https://arxiv.org/abs/1609.04802",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}, "activation": {"layer": "PReLU", "shared_axes": [1, 2]}},
        "conv": [(start, "head"), ("residuals", "body"), (enlarged, end)],
        "conv_par": [{"kernel_size": 9}, None, {"filters": 3, "kernel_size": 9}],
        **(signed if tanh else {}),
        "activation": [("head", "features")],
        "norm": [("body", "body_normed")],
        "merge": [("features", "body_normed", "summed")],
        "block": [("features", "residuals"), *ups],
        "block_sub": ["residual", *[f"enlarge_{size}" for size in stages]],
        "block_par": [{"repeat": blocks}, *[None] * len(stages)],
        "blocks": {
            "residual": {
                "conv": [(0, 1), (3, 4)],
                "norm": [(1, 2), (4, 5)],
                "activation": [(2, 3)],
                "merge": [(0, 5, 6)],
            },
            **{
                f"enlarge_{size}": {
                    "conv": [(0, 1)],
                    "conv_par": [{"filters": filters * size**2}],
                    "layer": [(1, 2)],
                    "layer_sub": "PixelShuffle",
                    "layer_par": {"size": size},
                    "activation": [(2, 3)],
                }
                for size in stages
            },
        },
    }
