"""ESPCN: three convolutions on the LR image and a pixel shuffle, which this paper introduced.

Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network, CVPR 2016.
https://arxiv.org/abs/1609.05158

Defaults: 5-3-3 with 64 and 32 features, tanh, on luma.

    python train.py --model=espcn --scale=3 --loss=mse --optimizer=adam --learning_rate=1e-3 --batch_size=16 --train_data=T91 --steps=500000

Published, x3, Y: Set5 33.00 dB (trained on T91), 33.13 dB (on ImageNet).
"""

FAMILY = "CNN"


def espcn(*, scale=4, filters=(64, 32), activation="tanh"):
    """Return ESPCN's dictionary.

    Args:
        scale: any whole number.
        filters: features of the first and second convolution.
        activation: 'tanh' as in the final model, or 'relu'.
    """
    first, second = filters
    return {
        "name": "ESPCN",
        "paper": "https://arxiv.org/abs/1609.05158",
        "scale": scale,
        "color": "y",
        "conv": [(0, 1), (2, 3), (4, 5)],
        "conv_par": [{"filters": first, "kernel_size": 5}, {"filters": second}, {"filters": scale**2}],
        "activation": [(1, 2), (3, 4)],
        "activation_sub": activation,
        "layer": [(5, 6)],
        "layer_sub": "PixelShuffle",
        "layer_par": {"size": scale},
    }
