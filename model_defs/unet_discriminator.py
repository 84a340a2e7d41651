"""U-Net discriminator: classifies every pixel from its local and wider surroundings, with spectral normalization.

Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021. https://arxiv.org/abs/2107.10833

Defaults: as published, 64 features. Takes images whose sides are multiples of 8. Not trained by itself:

    python train.py --init_from=RUN --adversarial=vanilla --discriminator=unet_discriminator --discriminator_args=filters=16
"""


def unet_discriminator(*, filters=64):
    """Return the discriminator's dictionary.

    Args:
        filters: features at full size; doubled each time the size is halved, three times.
    """
    strided = {"kernel_size": 4, "strides": 2}
    down = [strided | {"filters": filters * 2**depth} for depth in (1, 2, 3)]
    up = [{"filters": filters * 2**depth} for depth in (2, 1, 0)]
    full = [{"filters": filters}] * 2
    body = [{**parameters, "use_bias": False} for parameters in (*down, *up, *full)]
    return {
        "name": "U-Net-discriminator",
        "paper": "https://arxiv.org/abs/2107.10833",
        "inputs": {"image": 0},
        "outputs": {"logits": "logits"},
        "defaults": {"activation": {"layer": "LeakyReLU", "negative_slope": 0.2}},
        "conv": [
            (0, "head"),
            *[("whole", "to_half"), ("half", "to_quarter"), ("quarter", "to_eighth")],
            *[("from_eighth", "at_quarter"), ("from_quarter", "at_half"), ("from_half", "at_whole")],
            *[("judged_whole", "late"), ("late_active", "last"), ("last_active", "logits")],
        ],
        "conv_sub": ["Conv2D", *["SpectralConv2D"] * 8, "Conv2D"],
        "conv_par": [{"filters": filters}, *body, {"filters": 1}],
        "activation": [
            *[("head", "whole"), ("to_half", "half"), ("to_quarter", "quarter"), ("to_eighth", "eighth")],
            *[("at_quarter", "again_quarter"), ("at_half", "again_half"), ("at_whole", "again_whole")],
            *[("late", "late_active"), ("last", "last_active")],
        ],
        "merge": [("again_quarter", "quarter", "judged_quarter"), ("again_half", "half", "judged_half"), ("again_whole", "whole", "judged_whole")],
        "layer": [("eighth", "from_eighth"), ("judged_quarter", "from_quarter"), ("judged_half", "from_half")],
        "layer_sub": "UpSampling2D",
        "layer_par": {"size": 2, "interpolation": "bilinear"},
    }
