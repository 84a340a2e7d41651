"""EDSR small: a few of EDSR's residual blocks, wide inside, added to the bicubic upscaling. visionfw's default, made for a CPU.

After Lim et al., Enhanced Deep Residual Networks, CVPRW 2017, with more features before a block's activation than between blocks (Yu et al.,
Wide Activation for Efficient and Accurate Image Super-Resolution, 2018, https://arxiv.org/abs/1808.08718) and one pixel shuffle instead of
stages, as in IMDN and PAN. The last convolution starts at zero, so training starts from the bicubic image.

    python train.py --scale=4 --train_data=BSDS500/train,BSDS500/test --data_root=DIR
"""

FAMILY = "efficient CNN"


def edsr_small(*, scale=4, blocks=5, filters=32, inner=0):
    """Return the dictionary.

    Args:
        scale: any whole number.
        blocks: number of residual blocks.
        filters: features between blocks.
        inner: features inside a block; 0 for 9/4 of `filters`.
    """
    inner = inner or filters * 9 // 4
    return {
        "name": "EDSR-small",
        "paper": "https://arxiv.org/abs/1707.02921",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [(0, "head"), ("residuals", "body"), ("features", "tail")],
        "conv_par": [None, None, {"filters": 3 * scale**2, "kernel_initializer": "zeros"}],
        "block": [("head", "residuals")],
        "block_sub": "residual",
        "block_par": {"repeat": blocks},
        "blocks": {"residual": {"conv": [(0, 1), (2, 3)], "conv_par": [{"filters": inner}, None], "activation": [(1, 2)], "merge": [(0, 3, 4)]}},
        "merge": [("head", "body", "features"), ("detail", "enlarged", "sr")],
        "layer": [("tail", "detail"), (0, "enlarged")],
        "layer_sub": ["PixelShuffle", "Bicubic"],
        "layer_par": [{"size": scale}, {"scale": scale}],
    }
