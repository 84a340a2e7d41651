"""Patch discriminator: classifies overlapping patches of an image, with spectral instead of batch normalization.

After Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017. https://arxiv.org/abs/1611.07004
Normalization: Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018.

Defaults: as published, for patches of 70 x 70 pixels. Takes images of any size from 32 x 32. Not trained by itself:

    python train.py --init_from=RUN --adversarial=relativistic --discriminator=patch_discriminator --discriminator_args=filters=32
"""

FAMILY = "GAN discriminator"


def patch_discriminator(*, filters=64, strided=3):
    """Return the discriminator's dictionary.

    Args:
        filters: features of the first convolution; doubled by each of the next, up to eightfold.
        strided: number of convolutions with stride 2: 3 for patches of 70 x 70 pixels, 2 for 34 x 34, 1 for 16 x 16.
    """
    count = strided + 1
    names = [f"conv_{number}" for number in range(1, count + 1)]
    active = [f"active_{number}" for number in range(1, count + 1)]
    widths = [filters * min(2**number, 8) for number in range(count)]
    return {
        "name": "Patch-discriminator",
        "paper": "https://arxiv.org/abs/1611.07004",
        "inputs": {"image": 0},
        "outputs": {"logits": "logits"},
        "defaults": {"conv": {"kernel_size": 4}, "activation": {"layer": "LeakyReLU", "negative_slope": 0.2}},
        "conv": [*zip([0, *active[:-1]], names), (active[-1], "logits")],
        "conv_sub": ["Conv2D", *["SpectralConv2D"] * strided, "Conv2D"],
        "conv_par": [*({"filters": width, "strides": 2 if number < strided else 1} for number, width in enumerate(widths)), {"filters": 1}],
        "activation": list(zip(names, active)),
    }
