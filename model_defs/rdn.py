"""RDN: residual dense blocks whose outputs are all fused at the end.

Zhang et al., Residual Dense Network for Image Super-Resolution, CVPR 2018. https://arxiv.org/abs/1802.08797

Defaults: as published, 16 blocks of 8 convolutions, growth 64.

    python train.py --model=rdn --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=32 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.47, Set14 28.81, BSD100 27.72 dB.
"""

import math

FAMILY = "CNN"


def rdn(*, scale=4, blocks=16, layers=8, growth=64, filters=64):
    """Return RDN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: D, number of residual dense blocks.
        layers: C, convolutions in a block.
        growth: G, features that each convolution adds.
        filters: G0, features between blocks.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    stages = [3] if scale == 3 else [2] * round(math.log2(scale))
    dense = []
    for number in range(layers):
        features = f"all_{number}" if number else 0
        dense += [
            (features, "Conv2D", f"conv_{number}", {"filters": growth}),
            (f"conv_{number}", "ReLU", f"relu_{number}"),
            ((features, f"relu_{number}"), "Concatenate", f"all_{number + 1}"),
        ]
    dense += [
        (f"all_{layers}", "Conv2D", "fused", {"kernel_size": 1}),
        ((0, "fused"), "Add", "sum"),
    ]
    upscaling = []
    for number, size in enumerate(stages):
        upscaling += [
            (f"up_{number}", "Conv2D", f"shuffled_{number}", {"filters": filters * size**2}),
            (f"shuffled_{number}", "PixelShuffle", f"up_{number + 1}", {"size": size}),
        ]
    outputs = [f"dense_{number}" for number in range(1, blocks + 1)]
    return {
        "name": "RDN",
        "paper": "https://arxiv.org/abs/1802.08797",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"dense": {"links": dense}},
        "links": [
            (0, "Conv2D", "shallow"),
            ("shallow", "Conv2D", "dense_0"),
            *[(source, "dense", target) for source, target in zip(["dense_0", *outputs], outputs)],
            (outputs, "Concatenate", "joined"),
            ("joined", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "Conv2D", "body"),
            (("shallow", "body"), "Add", "up_0"),
            *upscaling,
            (f"up_{len(stages)}", "Conv2D", "sr", {"filters": 3}),
        ],
    }
