"""EDSR: residual blocks without normalization.

Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017. https://arxiv.org/abs/1707.02921

Defaults: EDSR-baseline (16 blocks of 64 features). The full EDSR: `--model_args=blocks=32,filters=256,residual_scale=0.1`.

    python train.py --model=edsr --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=300000

Published, x4, Y: EDSR-baseline Set5 32.09 dB, EDSR 32.46 dB.
"""

import math

FAMILY = "CNN"


def edsr(*, scale=4, blocks=16, filters=64, residual_scale=1.0):
    """Return EDSR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of residual blocks.
        filters: features.
        residual_scale: factor on each residual before it is added (0.1 for the full model).
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    stages = [3] if scale == 3 else [2] * round(math.log2(scale))
    residual = {
        "conv": [(0, 1), (2, 3)],
        "activation": [(1, 2)],
        "merge": [(0, 3 if residual_scale == 1 else 4, 5)],
    }
    if residual_scale != 1:
        residual |= {"layer": [(3, 4)], "layer_sub": "Rescaling", "layer_par": {"scale": residual_scale}}
    ups = [(f"up_{stage}", f"shuffled_{stage}", f"up_{stage + 1}") for stage in range(len(stages))]
    return {
        "name": "EDSR",
        "paper": "https://arxiv.org/abs/1707.02921",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [("shifted", "head"), ("residuals", "body"), *[(a, b) for a, b, _ in ups], (f"up_{len(stages)}", "tail")],
        "conv_par": [None, None, *[{"filters": filters * size**2} for size in stages], {"filters": 3}],
        "block": [("head", "residuals")],
        "block_sub": "residual",
        "block_par": {"repeat": blocks},
        "blocks": {"residual": residual},
        "merge": [("head", "body", "up_0")],
        "layer": [(0, "shifted"), *[(b, c) for _, b, c in ups], ("tail", "sr")],
        "layer_sub": ["MeanShift", *["PixelShuffle"] * len(stages), "MeanShift"],
        "layer_par": [{"sign": -1}, *[{"size": size} for size in stages], {"sign": 1}],
    }
