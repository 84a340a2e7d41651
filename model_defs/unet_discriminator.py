"""U-Net discriminator: classifies every pixel from its local and wider surroundings, with spectral normalization.

Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021. https://arxiv.org/abs/2107.10833

Defaults: as published, 64 features. Takes images whose sides are multiples of 8. Not trained by itself:

    python train.py --init_from=RUN --adversarial=vanilla --discriminator=unet_discriminator --discriminator_args=filters=16
"""

FAMILY = "GAN discriminator"


def unet_discriminator(*, filters=64):
    """Return the discriminator's dictionary.

    Args:
        filters: features at full size; doubled each time the size is halved, three times.
    """
    spectral = {"use_bias": False}
    halving = spectral | {"kernel_size": 4, "strides": 2}
    doubling = {"size": 2, "interpolation": "bilinear"}
    return {
        "name": "U-Net-discriminator",
        "paper": "https://arxiv.org/abs/2107.10833",
        "inputs": {"image": 0},
        "outputs": {"logits": "logits"},
        "defaults": {"conv": {"filters": filters}, "activation": {"negative_slope": 0.2}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "LeakyReLU", "whole"),
            ("whole", "SpectralConv2D", "to_half", halving | {"filters": filters * 2}),
            ("to_half", "LeakyReLU", "half"),
            ("half", "SpectralConv2D", "to_quarter", halving | {"filters": filters * 4}),
            ("to_quarter", "LeakyReLU", "quarter"),
            ("quarter", "SpectralConv2D", "to_eighth", halving | {"filters": filters * 8}),
            ("to_eighth", "LeakyReLU", "eighth"),
            ("eighth", "UpSampling2D", "from_eighth", doubling),
            ("from_eighth", "SpectralConv2D", "at_quarter", spectral | {"filters": filters * 4}),
            ("at_quarter", "LeakyReLU", "again_quarter"),
            (("again_quarter", "quarter"), "Add", "judged_quarter"),
            ("judged_quarter", "UpSampling2D", "from_quarter", doubling),
            ("from_quarter", "SpectralConv2D", "at_half", spectral | {"filters": filters * 2}),
            ("at_half", "LeakyReLU", "again_half"),
            (("again_half", "half"), "Add", "judged_half"),
            ("judged_half", "UpSampling2D", "from_half", doubling),
            ("from_half", "SpectralConv2D", "at_whole", spectral),
            ("at_whole", "LeakyReLU", "again_whole"),
            (("again_whole", "whole"), "Add", "judged_whole"),
            ("judged_whole", "SpectralConv2D", "late", spectral),
            ("late", "LeakyReLU", "late_active"),
            ("late_active", "SpectralConv2D", "last", spectral),
            ("last", "LeakyReLU", "last_active"),
            ("last_active", "Conv2D", "logits", {"filters": 1}),
        ],
    }
