"""SRGAN's discriminator: distinguishes photographs from super-resolved images.

Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017. https://arxiv.org/abs/1609.04802

Defaults: as published, eight 3x3 convolutions of 64 to 512 features, every second with stride 2, then dense 1024 and 1, for 96x96 HR
patches. Not trained by itself:

    python train.py --init_from=RUN --adversarial=vanilla --discriminator=srgan_discriminator --discriminator_args=filters=16,dense=128
"""

FAMILY = "GAN discriminator"


def srgan_discriminator(*, patch_size=96, filters=64, dense=1024, norm=True):
    """Return the discriminator's dictionary.

    Args:
        patch_size: side of the HR patches; train.py passes its own.
        filters: features of the first convolution; doubled three times.
        dense: features of the dense layer.
        norm: use batch normalization, as published; off for wgan_gp, whose gradient penalty is per image.
    """
    widths = [filters * 2 ** (number // 2) for number in range(8)]
    leaky = {"negative_slope": 0.2}
    names = [f"conv_{number}" for number in range(1, 9)]
    normed = [f"normed_{number}" for number in range(2, 9)]
    active = [f"active_{number}" for number in range(1, 9)]
    return {
        "name": "SRGAN-discriminator",
        "paper": "https://arxiv.org/abs/1609.04802",
        "inputs": {"hr": 0},
        "outputs": {"logits": "logits", "probability": "probability"},
        "shapes": {"hr": [patch_size, patch_size, 3]},
        "conv": list(zip([0, *active[:-1]], names)),
        "conv_par": [{"filters": width, "strides": 1 + number % 2} for number, width in enumerate(widths)],
        **({"norm": list(zip(names[1:], normed))} if norm else {}),
        "activation": [*zip([names[0], *(normed if norm else names[1:])], active), ("dense", "dense_active"), ("logits", "probability")],
        "activation_sub": [*["LeakyReLU"] * 9, "sigmoid"],
        "activation_par": [*[leaky] * 9, None],
        "layer": [("active_8", "flat"), ("flat", "dense"), ("dense_active", "logits")],
        "layer_sub": ["Flatten", "Dense", "Dense"],
        "layer_par": [None, {"units": dense}, {"units": 1}],
    }
