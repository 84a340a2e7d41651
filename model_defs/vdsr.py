"""VDSR: twenty convolutions that predict the residual of the bicubic upscaling.

Kim et al., Accurate Image Super-Resolution Using Very Deep Convolutional Networks, CVPR 2016. https://arxiv.org/abs/1511.04587

Defaults: 20 layers of 64 features on luma.

    python train.py --model=vdsr --loss=mse --optimizer=adam --learning_rate=1e-3 --clip_norm=0.4 --batch_size=64 --train_data=T91,BSDS200 --steps=100000

Published, Set5, Y: x2 37.53, x3 33.66, x4 31.35 dB.
"""

FAMILY = "CNN"


def vdsr(*, scale=4, layers=20, filters=64, color="y"):
    """Return VDSR's dictionary.

    Args:
        scale: any whole number.
        layers: number of convolutions, at least 3.
        filters: features.
        color: 'y' for luma, 'rgb'.
    """
    return {
        "name": "VDSR",
        "paper": "https://arxiv.org/abs/1511.04587",
        "scale": scale,
        "color": color,
        "pre_upsample": "bicubic",
        "defaults": {"conv": {"filters": filters, "kernel_initializer": "he_normal"}},
        "block": [(0, "first"), ("first", "features")],
        "block_sub": "convolution",
        "block_par": [None, {"repeat": layers - 2}],
        "blocks": {"convolution": {"conv": [(0, 1)], "activation": [(1, 2)]}},
        "conv": [("features", "residual")],
        "conv_par": [{"filters": {"y": 1, "rgb": 3}.get(color, color)}],
        "merge": [(0, "residual", "sr")],
    }
