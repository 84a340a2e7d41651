"""SR3: the U-Net of a diffusion model, which denoises an image conditioned on the upscaled LR image.

Saharia et al., Image Super-Resolution via Iterative Refinement, TPAMI 2022. https://arxiv.org/abs/2104.07636

Defaults: a small network for a CPU. As published for 16x16 -> 128x128:
--model_args=size=128,filters=128,multiples=[1,2,4,8,8],blocks=3,attention=[16],groups=32,dropout=0.2,prediction_type=epsilon,fold=1

    python train.py --model=sr3 --scale=4 --train_data=BSDS500/train,BSDS500/test --data_root=DIR

Published, faces 16x16 -> 128x128: PSNR 23.04, SSIM 0.65, MSE with the LR image 2.68; a regression model: 23.96, 0.69, 2.71.
"""

FAMILY = "diffusion"


def sr3(
    *,
    scale=4,
    size=64,
    filters=32,
    multiples=(1, 2, 4),
    blocks=1,
    attention=(16,),
    groups=8,
    dropout=0.0,
    continuous=True,
    prediction_type="v",
    fold=2,
):
    """Return the U-Net's dictionary.

    Args:
        scale: any whole number.
        size: the image side that `attention` refers to; the network takes images of other sizes too.
        filters: features at full size.
        multiples: features at each level, in multiples of `filters`; each level has half the size of the one before.
        blocks: residual blocks per level on the way down; one more on the way up.
        attention: sides of the feature maps that have self-attention.
        groups: number of groups of the group normalization.
        dropout: fraction of features dropped in training.
        continuous: the network reads the noise level, the square root of gamma; else the number of the step.
        prediction_type: what the network predicts: 'epsilon', the noise, as published, or 'v', the velocity, which trains faster.
        fold: side of the patches that the first convolution turns into one pixel and the last one restores (Hoogeboom et al., simple
            diffusion, 2023); for `filters` well above 3 x fold^2.
    """
    outputs = {"epsilon": "noise", "v": "velocity"}
    if prediction_type not in outputs:
        raise ValueError(f"prediction_type must be 'epsilon' or 'v', not {prediction_type!r}")
    levels = range(len(multiples))
    widths = [filters * multiple for multiple in multiples]
    attended = [size // fold // 2**level in attention for level in levels]
    blocks_by_name, links, skips, here = {}, [], [("head", filters)], ("head", filters)

    def residual(source, features, target):
        """Add a residual block from a (node, features) to a node; return the latter with its features."""
        node, before = source
        name = f"residual_{before}_{features}"
        blocks_by_name[name] = _residual(before, features, groups, dropout)
        links.append(((node, "level"), name, target))
        return target, features

    def attend(source, target):
        """Add self-attention from a (node, features) to a node; return the latter with its features."""
        node, features = source
        blocks_by_name[f"attention_{features}"] = _attention(groups)
        links.append((node, f"attention_{features}", target))
        return target, features

    for level in levels:
        for number in range(blocks):
            here = residual(here, widths[level], f"down_{level}_{number}")
            here = attend(here, f"{here[0]}_attended") if attended[level] else here
            skips.append(here)
        if level < levels[-1]:
            links.append((here[0], "Conv2D", f"halved_{level}", {"filters": here[1], "strides": 2}))
            here = (f"halved_{level}", here[1])
            skips.append(here)
    here = residual(here, widths[-1], "middle_0")
    here = residual(attend(here, "middle_attended"), widths[-1], "middle_1")
    for level in reversed(levels):
        for number in range(blocks + 1):
            skip = skips.pop()
            links.append(((here[0], skip[0]), "Concatenate", f"joined_{level}_{number}"))
            here = residual((f"joined_{level}_{number}", here[1] + skip[1]), widths[level], f"up_{level}_{number}")
            here = attend(here, f"{here[0]}_attended") if attended[level] else here
        if level:
            links.append((here[0], "Nearest", f"doubled_{level}", {"scale": 2}))
            links.append((f"doubled_{level}", "Conv2D", f"enlarged_{level}", {"filters": here[1]}))
            here = (f"enlarged_{level}", here[1])
    return {
        "name": "SR3",
        "paper": "https://arxiv.org/abs/2104.07636",
        "scale": scale,
        "pre_upsample": "bicubic",
        "inputs": {"lr": "lr", "noisy": "noisy", "noise_level" if continuous else "step": "noise_level"},
        "shapes": {"noise_level" if continuous else "step": [1]},
        "outputs": {outputs[prediction_type]: "prediction"},
        "blocks": blocks_by_name,
        "links": [
            ("lr", "Rescaling", "signed", {"scale": 2.0, "offset": -1.0}),
            (("signed", "noisy"), "Concatenate", "conditioned"),
            ("conditioned", "Conv2D", "head", {"filters": filters} | ({"kernel_size": fold, "strides": fold} if fold > 1 else {})),
            ("noise_level", "SinusoidalEmbedding", "waves", {"features": filters, "scale": 5000.0 if continuous else 1.0}),
            ("waves", "Dense", "wide", {"units": 4 * filters, "activation": "silu"}),
            ("wide", "Dense", "level", {"units": filters, "activation": "silu"}),
            *links,
            (here[0], "GroupNormalization", "last_normed", {"groups": groups}),
            ("last_normed", "silu", "last_active"),
            ("last_active", "Conv2D", "prediction" if fold == 1 else "folded", {"filters": 3 * fold**2, "kernel_initializer": "zeros"}),
            *([("folded", "PixelShuffle", "prediction", {"size": fold})] if fold > 1 else []),
        ],
    }


def _residual(before, features, groups, dropout):
    """Return a block of two convolutions after normalization and activation, the noise level added between; the second starts at zero."""
    matched = "x" if before == features else "matched"
    links = [
        ("x", "GroupNormalization", "n1", {"groups": groups}),
        ("n1", "silu", "a1"),
        ("a1", "Conv2D", "c1", {"filters": features}),
        ("level", "Dense", "shift", {"units": features}),
        (("c1", "shift"), "Add", "shifted"),
        ("shifted", "GroupNormalization", "n2", {"groups": groups}),
        ("n2", "silu", "a2"),
        *([("a2", "Dropout", "kept", {"rate": dropout})] if dropout else []),
        ("kept" if dropout else "a2", "Conv2D", "c2", {"filters": features, "kernel_initializer": "zeros"}),
        *([("x", "Conv2D", "matched", {"filters": features, "kernel_size": 1})] if matched == "matched" else []),
        (("c2", matched), "Add", "sum"),
    ]
    return {"inputs": ["x", "level"], "links": links}


def _attention(groups):
    """Return a block that adds self-attention, after normalization, to its input."""
    return {
        "links": [
            (0, "GroupNormalization", "normed", {"groups": groups}),
            ("normed", "SelfAttention", "attended"),
            ((0, "attended"), "Add", "sum"),
        ]
    }
