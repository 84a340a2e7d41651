"""RCAN: residual groups of residual blocks with channel attention.

Zhang et al., Image Super-Resolution Using Very Deep Residual Channel Attention Networks, ECCV 2018. https://arxiv.org/abs/1807.02758

Defaults: as published, 10 groups of 20 blocks of 64 features, reduction 16.

    python train.py --model=rcan --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.63, Set14 28.87, BSD100 27.77 dB.
"""

import math

FAMILY = "attention CNN"


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
    attended = [
        (0, "Conv2D", 1),
        (1, "ReLU", 2),
        (2, "Conv2D", 3),
        (3, "GlobalAveragePooling2D", "pooled", {"keepdims": True}),
        ("pooled", "Conv2D", "squeezed", {"filters": filters // reduction, "kernel_size": 1}),
        ("squeezed", "ReLU", "squeezed_relu"),
        ("squeezed_relu", "Conv2D", "excited", {"kernel_size": 1}),
        ("excited", "sigmoid", "attention"),
        ((3, "attention"), "Multiply", "attended"),
        ((0, "attended"), "Add", "sum"),
    ]
    group = [
        (0, "attended", 1, {"repeat": blocks}),
        (1, "Conv2D", 2),
        ((0, 2), "Add", 3),
    ]
    upscaling = []
    for number, size in enumerate(stages):
        upscaling += [
            (f"up_{number}", "Conv2D", f"shuffled_{number}", {"filters": filters * size**2}),
            (f"shuffled_{number}", "PixelShuffle", f"up_{number + 1}", {"size": size}),
        ]
    return {
        "name": "RCAN",
        "paper": "https://arxiv.org/abs/1807.02758",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"group": {"links": group, "blocks": {"attended": {"links": attended}}}},
        "links": [
            (0, "MeanShift", "shifted", {"sign": -1}),
            ("shifted", "Conv2D", "head"),
            ("head", "group", "groups", {"repeat": groups}),
            ("groups", "Conv2D", "body"),
            (("head", "body"), "Add", "up_0"),
            *upscaling,
            (f"up_{len(stages)}", "Conv2D", "tail", {"filters": 3}),
            ("tail", "MeanShift", "sr", {"sign": 1}),
        ],
    }
