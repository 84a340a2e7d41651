"""IMDN: features are split off in steps, weighted by their contrast, and concatenated; small and fast.

Hui et al., Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM 2019. https://arxiv.org/abs/1909.11856

Defaults: 6 blocks of 64 features.

    python train.py --model=imdn --optimizer=adam --batch_size=16 --learning_rate=2e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, Set5, Y: x2 38.00, x3 34.36, x4 32.21 dB.
"""


def imdn(*, scale=4, filters=64, blocks=6):
    """Return IMDN's dictionary.

    Args:
        scale: any whole number.
        filters: features, a multiple of 16; a quarter of them is split off in each of three steps.
        blocks: number of information multi-distillation blocks.
    """
    if filters % 16:
        raise ValueError(f"filters must be a multiple of 16, not {filters}")
    kept = filters // 4
    leaky = {"negative_slope": 0.05}
    distillation = {
        "conv": [(0, "c1"), ("r1", "c2"), ("r2", "c3"), ("r3", "c4"), ("contrast", "squeezed"), ("s", "excited"), ("weighed", "c5")],
        "conv_par": [None, None, None, {"filters": kept}, {"filters": filters // 16, "kernel_size": 1}, {"kernel_size": 1}, {"kernel_size": 1}],
        "activation": [("c1", "l1"), ("c2", "l2"), ("c3", "l3"), ("squeezed", "s"), ("excited", "weights")],
        "activation_sub": ["LeakyReLU", "LeakyReLU", "LeakyReLU", "ReLU", "sigmoid"],
        "activation_par": [leaky, leaky, leaky, None, None],
        "layer": [*[(f"l{step}", f"{part}{step}") for part in "dr" for step in (1, 2, 3)], ("joined", "mean"), ("joined", "deviation")],
        "layer_sub": [*["ChannelSlice"] * 6, "GlobalAveragePooling2D", "GlobalDeviationPooling2D"],
        "layer_par": [*[{"stop": kept}] * 3, *[{"start": kept}] * 3, *[{"keepdims": True}] * 2],
        "merge": [("d1", "d2", "d3", "c4", "joined"), ("mean", "deviation", "contrast"), ("joined", "weights", "weighed"), (0, "c5", "sum")],
        "merge_sub": ["Concatenate", "Add", "Multiply", "Add"],
    }
    steps = [f"block_{number}" for number in range(1, blocks + 1)]
    return {
        "name": "IMDN",
        "paper": "https://arxiv.org/abs/1909.11856",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [(0, "head"), ("gathered", "fused"), ("fused_relu", "body"), ("features", "tail")],
        "conv_par": [None, {"kernel_size": 1}, None, {"filters": 3 * scale**2}],
        "activation": [("fused", "fused_relu")],
        "activation_sub": "LeakyReLU",
        "activation_par": leaky,
        "block": list(zip(["head", *steps[:-1]], steps)),
        "block_sub": "distillation",
        "blocks": {"distillation": distillation},
        "merge": [(*steps, "gathered"), ("head", "body", "features")],
        "merge_sub": ["Concatenate", "Add"],
        "layer": [("tail", "sr")],
        "layer_sub": "PixelShuffle",
        "layer_par": {"size": scale},
    }
