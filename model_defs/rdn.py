"""RDN: residual dense blocks whose outputs are all fused at the end.

Zhang et al., Residual Dense Network for Image Super-Resolution, CVPR 2018. https://arxiv.org/abs/1802.08797

Defaults: as published, 16 blocks of 8 convolutions, growth 64.

    python train.py --model=rdn --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=32 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.47, Set14 28.81, BSD100 27.72 dB.
"""

import math


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
    ups = [(f"up_{stage}", f"shuffled_{stage}", f"up_{stage + 1}") for stage in range(len(stages))]
    dense = {
        "conv": [*[(f"all_{number}" if number else 0, f"conv_{number}") for number in range(layers)], (f"all_{layers}", "fused")],
        "conv_par": [*[{"filters": growth}] * layers, {"kernel_size": 1}],
        "activation": [(f"conv_{number}", f"relu_{number}") for number in range(layers)],
        "merge": [
            *[(f"all_{number}" if number else 0, f"relu_{number}", f"all_{number + 1}") for number in range(layers)],
            (0, "fused", "sum"),
        ],
        "merge_sub": [*["Concatenate"] * layers, "Add"],
    }
    outputs = [f"dense_{number}" for number in range(1, blocks + 1)]
    return {
        "name": "RDN",
        "paper": "https://arxiv.org/abs/1802.08797",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [
            (0, "shallow"),
            ("shallow", "dense_0"),
            ("joined", "fused"),
            ("fused", "body"),
            *[(a, b) for a, b, _ in ups],
            (f"up_{len(stages)}", "sr"),
        ],
        "conv_par": [None, None, {"kernel_size": 1}, None, *[{"filters": filters * size**2} for size in stages], {"filters": 3}],
        "block": list(zip(["dense_0", *outputs[:-1]], outputs)),
        "block_sub": "dense",
        "blocks": {"dense": dense},
        "merge": [(*outputs, "joined"), ("shallow", "body", "up_0")],
        "merge_sub": ["Concatenate", "Add"],
        "layer": [(b, c) for _, b, c in ups],
        "layer_sub": "PixelShuffle",
        "layer_par": [{"size": size} for size in stages],
    }
