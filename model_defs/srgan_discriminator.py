"""SRGAN's discriminator: tells photographs from super-resolved images.

Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017. https://arxiv.org/abs/1609.04802

Defaults: as published, eight 3x3 convolutions of 64 to 512 features, every second with stride 2, then dense 1024 and 1, for 96x96 HR
patches. Not trained by itself: SRResNet is the generator it judges.
"""


def srgan_discriminator(*, patch_size=96, filters=64, dense=1024):
    """Return the discriminator's dictionary.

    Args:
        patch_size: side of the HR patches it judges.
        filters: features of the first convolution; doubled three times.
        dense: features of the dense layer.
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
        "outputs": {"probability": "probability"},
        "shapes": {"hr": [patch_size, patch_size, 3]},
        "conv": list(zip([0, *active[:-1]], names)),
        "conv_par": [{"filters": width, "strides": 1 + number % 2} for number, width in enumerate(widths)],
        "norm": list(zip(names[1:], normed)),
        "activation": [*zip([names[0], *normed], active), ("dense", "dense_active"), ("logit", "probability")],
        "activation_sub": [*["LeakyReLU"] * 9, "sigmoid"],
        "activation_par": [*[leaky] * 9, None],
        "layer": [("active_8", "flat"), ("flat", "dense"), ("dense_active", "logit")],
        "layer_sub": ["Flatten", "Dense", "Dense"],
        "layer_par": [None, {"units": dense}, {"units": 1}],
    }
