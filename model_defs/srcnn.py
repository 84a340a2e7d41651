"""SRCNN: three convolutions on the bicubic upscaling; the first deep network for super-resolution.

Dong et al., Image Super-Resolution Using Deep Convolutional Networks, TPAMI 2016. https://arxiv.org/abs/1501.00092

Defaults: 9-5-5 on luma. Others: `--model_args=kernels=[9,1,5]` (the paper's first), `kernels=[9,1,7]`, `kernels=[9,3,5]`.
`color=rgb,upscale=last` is a variant on RGB that upscales by bicubic at the end.

    python train.py --model=srcnn --scale=3 --loss=mse --optimizer=adam --learning_rate=1e-4 --batch_size=16 --train_data=T91 --steps=1000000

Published, Set5, Y: x2 36.66, x3 32.75, x4 30.48 dB (9-5-5, trained on ImageNet).
"""

FAMILY = "CNN"


def srcnn(*, scale=4, kernels=(9, 5, 5), filters=(64, 32), color="y", upscale="first"):
    """Return SRCNN's dictionary.

    The image's edge is replicated before every convolution, as in the published weights.

    Args:
        scale: any whole number.
        kernels: side of the three kernels.
        filters: features of the first and second convolution.
        color: 'y' for luma, 'rgb'.
        upscale: 'first' for bicubic upscaling before the network, 'last' for after it.
    """
    if upscale not in ("first", "last"):
        raise ValueError(f"upscale must be 'first' or 'last', not {upscale!r}")
    channels = {"y": 1, "rgb": 3}.get(color, color)
    steps = ("patches", "mapped", "made")
    entries = (0, "patches_relu", "mapped_relu")
    model = {
        "name": "SRCNN",
        "paper": "https://arxiv.org/abs/1501.00092",
        "scale": scale,
        "color": color,
        "layer": [(entry, f"{step}_padded") for entry, step in zip(entries, steps)],
        "layer_sub": ["ReplicatePadding"] * 3,
        "layer_par": [{"padding": kernel // 2} for kernel in kernels],
        "conv": [(f"{step}_padded", step) for step in steps],
        "conv_par": [{"filters": count, "kernel_size": kernel, "padding": "valid"} for count, kernel in zip((*filters, channels), kernels)],
        "activation": [("patches", "patches_relu"), ("mapped", "mapped_relu")],
    }
    if upscale == "first":
        return model | {"pre_upsample": "bicubic"}
    return model | {
        "layer": [*model["layer"], ("made", "sr")],
        "layer_sub": [*model["layer_sub"], "Bicubic"],
        "layer_par": [*model["layer_par"], {"scale": scale}],
    }
