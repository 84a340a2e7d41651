"""RCAN: residual groups of residual blocks with channel attention.

Zhang et al., Image Super-Resolution Using Very Deep Residual Channel Attention Networks, ECCV 2018. https://arxiv.org/abs/1807.02758

Defaults: as published, 10 groups of 20 blocks of 64 features, reduction 16.

    python train.py --model=rcan --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.63, Set14 28.87, BSD100 27.77 dB.
"""

import math


def rcan(*, scale=4, groups=10, blocks=20, filters=64, reduction=16):
    """Return RCAN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        groups: number of residual groups.
        blocks: residual blocks in a group.
        filters: features.
        reduction: the channel attention squeezes to filters / reduction features.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    stages = [3] if scale == 3 else [2] * round(math.log2(scale))
    ups = [(f"up_{stage}", f"shuffled_{stage}", f"up_{stage + 1}") for stage in range(len(stages))]
    attended = {
        "conv": [(0, 1), (2, 3), ("pooled", "squeezed"), ("squeezed_relu", "excited")],
        "conv_par": [None, None, {"filters": filters // reduction, "kernel_size": 1}, {"kernel_size": 1}],
        "activation": [(1, 2), ("squeezed", "squeezed_relu"), ("excited", "attention")],
        "activation_sub": ["ReLU", "ReLU", "sigmoid"],
        "layer": [(3, "pooled")],
        "layer_sub": "GlobalAveragePooling2D",
        "layer_par": {"keepdims": True},
        "merge": [(3, "attention", "attended"), (0, "attended", "sum")],
        "merge_sub": ["Multiply", "Add"],
    }
    group = {
        "block": [(0, 1)],
        "block_sub": "attended",
        "block_par": {"repeat": blocks},
        "blocks": {"attended": attended},
        "conv": [(1, 2)],
        "merge": [(0, 2, 3)],
    }
    return {
        "name": "RCAN",
        "paper": "https://arxiv.org/abs/1807.02758",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [("shifted", "head"), ("groups", "body"), *[(a, b) for a, b, _ in ups], (f"up_{len(stages)}", "tail")],
        "conv_par": [None, None, *[{"filters": filters * size**2} for size in stages], {"filters": 3}],
        "block": [("head", "groups")],
        "block_sub": "group",
        "block_par": {"repeat": groups},
        "blocks": {"group": group},
        "merge": [("head", "body", "up_0")],
        "layer": [(0, "shifted"), *[(b, c) for _, b, c in ups], ("tail", "sr")],
        "layer_sub": ["MeanShift", *["PixelShuffle"] * len(stages), "MeanShift"],
        "layer_par": [{"sign": -1}, *[{"size": size} for size in stages], {"sign": 1}],
    }
