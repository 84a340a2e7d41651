"""NAFNet: a U-Net without activation functions, for denoising and deblurring; products of channels take their place.

Chen et al., Simple Baselines for Image Restoration, ECCV 2022. https://arxiv.org/abs/2204.04676

Defaults: width 32 as for denoising on SIDD. For deblurring on GoPro: `--model_args=encoders=[1,1,1,28],middle=1,decoders=[1,1,1,1]`. The
paper's best have `filters=64`.

    python train.py --model=nafnet --scale=1 --degradation=noise:sigma=25 --optimizer=adamw --learning_rate=1e-3 --patch_size=256 --train_data=DIV2K

Published, RGB: SIDD 39.97 dB (width 32), 40.30 dB (width 64); GoPro 32.87 dB (width 32), 33.69 dB (width 64). None for upscaling.
"""

FAMILY = "restoration"


def nafnet(*, scale=1, color="rgb", filters=32, encoders=(2, 2, 4, 8), middle=12, decoders=(2, 2, 2, 2)):
    """Return NAFNet's dictionary.

    Args:
        scale: 1: the image is restored at its own size.
        color: 'rgb', or 'y' for luma.
        filters: features at full size; doubled each time the size is halved.
        encoders: number of blocks at each size on the way down.
        middle: number of blocks at the smallest size.
        decoders: number of blocks at each size on the way up, the smallest first; as many sizes as `encoders`.
    """
    if scale != 1:
        raise ValueError(f"scale must be 1, not {scale}")
    if len(encoders) != len(decoders):
        raise ValueError(f"encoders and decoders must have as many numbers, not {len(encoders)} and {len(decoders)}")
    depth = len(encoders)
    links = [(0, "Conv2D", "features_0", {"filters": filters})]
    for level, count in enumerate(encoders):
        links += [
            (f"features_{level}", f"naf_{level}", f"encoded_{level}", {"repeat": count}),
            (f"encoded_{level}", "Conv2D", f"features_{level + 1}", {"filters": filters * 2 ** (level + 1), "kernel_size": 2, "strides": 2}),
        ]
    links += [(f"features_{depth}", f"naf_{depth}", f"decoded_{depth}", {"repeat": middle})]
    for level, count in zip(reversed(range(depth)), decoders, strict=True):
        links += [
            (f"decoded_{level + 1}", "Conv2D", f"wide_{level}", {"filters": filters * 2 ** (level + 2), "kernel_size": 1, "use_bias": False}),
            (f"wide_{level}", "PixelShuffle", f"enlarged_{level}", {"size": 2}),
            ((f"enlarged_{level}", f"encoded_{level}"), "Add", f"joined_{level}"),
            (f"joined_{level}", f"naf_{level}", f"decoded_{level}", {"repeat": count}),
        ]
    return {
        "name": "NAFNet",
        "paper": "https://arxiv.org/abs/2204.04676",
        "scale": 1,
        "color": color,
        "multiple": 2**depth,
        "edge": "zeros",
        "blocks": {f"naf_{level}": _block(filters * 2**level) for level in range(depth + 1)},
        "links": [
            *links,
            ("decoded_0", "Conv2D", "residual", {"filters": 1 if color == "y" else 3}),
            ((0, "residual"), "Add", "sr"),
        ],
    }


def _block(filters):
    """Return a block: gated convolutions with channel attention, then a gated pair of 1x1 convolutions, each half a residual."""
    point = {"filters": filters, "kernel_size": 1}
    doubled = {"filters": 2 * filters, "kernel_size": 1}
    gate = {"links": [(0, "ChannelSlice", "left", {"stop": filters}), (0, "ChannelSlice", "right", {"start": filters}), (("left", "right"), "Multiply", "out")]}
    return {
        "blocks": {"gate": gate},
        "links": [
            (0, "LayerNormalization", "first", {"epsilon": 1e-6}),
            ("first", "Conv2D", "wide", doubled),
            ("wide", "DepthwiseConv2D", "local"),
            ("local", "gate", "gated"),
            ("gated", "GlobalAveragePooling2D", "mean", {"keepdims": True}),
            ("mean", "Conv2D", "weights", point),
            (("gated", "weights"), "Multiply", "attended"),
            ("attended", "Conv2D", "mixed", point),
            ("mixed", "LayerScale", "scaled", {"initial": 0.0}),
            ((0, "scaled"), "Add", "sum"),
            ("sum", "LayerNormalization", "second", {"epsilon": 1e-6}),
            ("second", "Conv2D", "wider", doubled),
            ("wider", "gate", "gated_again"),
            ("gated_again", "Conv2D", "mixed_again", point),
            ("mixed_again", "LayerScale", "scaled_again", {"initial": 0.0}),
            (("sum", "scaled_again"), "Add", "out"),
        ],
    }


def names(*, encoders, **_):
    """Return the keys of the authors' state_dict by our layers' names."""
    depth = len(encoders)
    keys = {"conv_features_0": "intro", "conv_residual": "ending"}
    prefixes = {f"block_decoded_{depth}": "middle_blks.*"}
    for level in range(depth):
        keys |= {f"conv_features_{level + 1}": f"downs.{level}", f"conv_wide_{level}": f"ups.{depth - 1 - level}.0"}
        prefixes |= {f"block_encoded_{level}": f"encoders.{level}.*", f"block_decoded_{level}": f"decoders.{depth - 1 - level}.*"}
    layers = {"norm_first": "norm1", "conv_wide": "conv1", "conv_local": "conv2", "conv_weights": "sca.1", "conv_mixed": "conv3"}
    layers |= {"norm_second": "norm2", "conv_wider": "conv4", "conv_mixed_again": "conv5"}
    layers |= {"layer_scaled/gamma": "beta.reshape(1,-1,1,1)", "layer_scaled_again/gamma": "gamma.reshape(1,-1,1,1)"}
    return keys | {f"{ours}-*-{layer}": f"{theirs}.{key}" for ours, theirs in prefixes.items() for layer, key in layers.items()}


def detect(state):
    """Return the arguments of the model in a state_dict."""
    filters, channels = state["intro.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    encoders, decoders = (state.count(f"{name}.*.0.beta") for name in ("encoders", "decoders"))
    return {
        "color": "rgb" if channels == 3 else "y",
        "filters": filters,
        "encoders": [state.count(f"encoders.{level}.*.beta") for level in range(encoders)],
        "middle": state.count("middle_blks.*.beta"),
        "decoders": [state.count(f"decoders.{level}.*.beta") for level in range(decoders)],
    }
