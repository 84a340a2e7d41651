"""IMDN: features are split off in steps, weighted by their contrast, and concatenated; small and fast.

Hui et al., Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM 2019. https://arxiv.org/abs/1909.11856

Defaults: 6 blocks of 64 features.

    python train.py --model=imdn --optimizer=adam --batch_size=16 --learning_rate=2e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, Set5, Y: x2 38.00, x3 34.36, x4 32.21 dB.
"""

FAMILY = "efficient CNN"


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
    distillation = [(0, "Conv2D", "c1")]
    for step in (1, 2, 3):
        distillation += [
            (f"c{step}", "LeakyReLU", f"l{step}", leaky),
            (f"l{step}", "ChannelSlice", f"d{step}", {"stop": kept}),
            (f"l{step}", "ChannelSlice", f"r{step}", {"start": kept}),
            (f"r{step}", "Conv2D", f"c{step + 1}", {"filters": filters if step < 3 else kept}),
        ]
    distillation += [
        (("d1", "d2", "d3", "c4"), "Concatenate", "joined"),
        ("joined", "GlobalAveragePooling2D", "mean", {"keepdims": True}),
        ("joined", "GlobalDeviationPooling2D", "deviation", {"keepdims": True}),
        (("mean", "deviation"), "Add", "contrast"),
        ("contrast", "Conv2D", "squeezed", {"filters": filters // 16, "kernel_size": 1}),
        ("squeezed", "ReLU", "s"),
        ("s", "Conv2D", "excited", {"kernel_size": 1}),
        ("excited", "sigmoid", "weights"),
        (("joined", "weights"), "Multiply", "weighed"),
        ("weighed", "Conv2D", "c5", {"kernel_size": 1}),
        ((0, "c5"), "Add", "sum"),
    ]
    steps = [f"block_{number}" for number in range(1, blocks + 1)]
    return {
        "name": "IMDN",
        "paper": "https://arxiv.org/abs/1909.11856",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"distillation": {"links": distillation}},
        "links": [
            (0, "Conv2D", "head"),
            *[(source, "distillation", target) for source, target in zip(["head", *steps], steps)],
            (steps, "Concatenate", "gathered"),
            ("gathered", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "LeakyReLU", "fused_relu", leaky),
            ("fused_relu", "Conv2D", "body"),
            (("head", "body"), "Add", "features"),
            ("features", "Conv2D", "tail", {"filters": 3 * scale**2}),
            ("tail", "PixelShuffle", "sr", {"size": scale}),
        ],
    }
