"""Real-CUGAN: two U-Nets in a row, for anime with unknown degradations; after waifu2x's cunet.

Bilibili AI Lab, Real Cascade U-Nets for Anime Image Super Resolution, 2022. https://github.com/bilibili/ailab/tree/main/Real-CUGAN

Defaults: as published. `pro=True` is the later series of weights, whose images are brought into 0.15..0.85; `fast=True` at scale 2 works on
an image of half the size. The authors blend the second U-Net's deepest features by a factor alpha, which is 1 here.

    python train.py --model=real_cugan --optimizer=adam --batch_size=16 --learning_rate=1e-4 --patch_size=64 --train_data=DIR --degradation=second_order

No score is published.
"""

FAMILY = "photo upscaler"

_INITIAL = {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"}}
#: Scale -> (pixels around the image, what its padded sides are multiples of).
_PADDING = {2: (18, 2), 3: (14, 4), 4: (19, 2)}


def real_cugan(*, scale=2, filters=64, pro=False, fast=False, color="rgb"):
    """Return Real-CUGAN's dictionary.

    Args:
        scale: 2, 3 or 4.
        filters: features at full size; 128 and 256 at smaller ones become multiples of it. At least 16, divisible by 8.
        pro: images between 0.15 and 0.85 inside the network.
        fast: at scale 2, work on squares of 2x2 pixels.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in _PADDING:
        raise ValueError(f"scale must be 2, 3 or 4, not {scale}")
    if fast and (scale != 2 or pro):
        raise ValueError("fast exists at scale 2 without pro alone")
    if filters < 16 or filters % 8:
        raise ValueError(f"filters must be at least 16 and divisible by 8, not {filters}")
    channels = {"rgb": 3, "y": 1}[color]
    has_final = scale == 4 or fast
    image = "ranged" if pro else 0
    output = "enlarged" if pro else "sr"
    ends = _final(image, output, scale, channels) if has_final else [(("image", 0), "CropPadding", output, _crop(scale))]
    return {
        "name": "Real-CUGAN",
        "paper": "https://github.com/bilibili/ailab/tree/main/Real-CUGAN",
        "scale": scale,
        "color": color,
        **({"multiple": 4, "edge": "reflect"} if fast else {}),
        "defaults": {
            "conv": {"padding": "valid", "filters": filters, "kernel_initializer": _INITIAL},
            "activation": {"negative_slope": 0.1},
        },
        "blocks": {
            "unet1": {"links": _unet1(filters, filters if has_final else channels, 5 if scale == 3 else 4)},
            "unet2": {"links": _unet2(filters, filters if has_final else channels)},
        },
        "links": [
            *([(0, "Rescaling", "ranged", {"scale": 0.7, "offset": 0.15})] if pro else []),
            *_padded(image, scale, fast),
            ("padded", "unet1", "unet1"),
            ("unet1", "unet2", "unet2"),
            ("unet1", "Cropping2D", "middle", {"cropping": 20}),
            (("unet2", "middle"), "Add", "image"),
            *ends,
            *([("enlarged", "Rescaling", "sr", {"scale": 1 / 0.7, "offset": -0.15 / 0.7})] if pro else []),
        ],
    }


def _padded(image, scale, fast):
    """Return the links that surround the image with what the convolutions without padding take away."""
    if fast:
        return [(image, "ReflectPadding", "surrounded", {"padding": 38}), ("surrounded", "PixelUnshuffle", "padded", {"size": 2})]
    padding, multiple = _PADDING[scale]
    return [(image, "ReflectPadding", "padded", {"padding": padding, "multiple": multiple})]


def _crop(scale):
    """Return the parameters of the layer that removes what was added to sides that do not fit."""
    return {"multiple": _PADDING[scale][1], "scale": scale}


def _final(image, output, scale, channels):
    """Return the links from features at twice or half the size to the image: a pixel shuffle, added to the enlarged input."""
    return [
        ("image", "Conv2D", "final", {"filters": 4 * channels}),
        ("final", "Cropping2D", "pixels", {"cropping": 1}),
        ("pixels", "PixelShuffle", "residual", {"size": 2}),
        (("residual", 0), "CropPadding", "cropped", _crop(scale)),
        (image, "Nearest", "nearest", {"scale": scale}),
        (("cropped", "nearest"), "Add", output),
    ]


def _convs(source, name, middle, filters, attention=True):
    """Return the links of two convolutions, and of channel attention, from a node to the node `name`."""
    end = f"{name}_features" if attention else name
    attended = [(end, "channel_attention", name, {"filters": filters, "reduced": filters // 8})] if attention else []
    return [
        (source, "Conv2D", f"{name}_1", {"filters": middle}),
        (f"{name}_1", "LeakyReLU", f"{name}_1_leaky"),
        (f"{name}_1_leaky", "Conv2D", f"{name}_2", {"filters": filters}),
        (f"{name}_2", "LeakyReLU", end),
        *attended,
    ]


def _resized(source, layer, name, filters):
    """Return the links that halve or double the size, from a node to the node `NAME_leaky`."""
    parameters = {"filters": filters, "kernel_size": 2, "strides": 2}
    return [(source, layer, name, parameters), (name, "LeakyReLU", f"{name}_leaky")]


def _skipped(source, skip, name, cropping):
    """Return the links that add a cropped node to another, as the node `name`."""
    return [(skip, "Cropping2D", f"{name}_skip", {"cropping": cropping}), ((f"{name}_skip", source), "Add", name)]


def _unet1(filters, outputs, kernel_size):
    """Return the links of the first U-Net, which ends in a transposed convolution: an enlargement by 2 or 3."""
    stride = 3 if kernel_size == 5 else 2
    return [
        *_convs(0, "conv1", filters // 2, filters, attention=False),
        *_resized("conv1", "Conv2D", "conv1_down", filters),
        *_convs("conv1_down_leaky", "conv2", 2 * filters, filters),
        *_resized("conv2", "Conv2DTranspose", "conv2_up", filters),
        *_skipped("conv2_up_leaky", "conv1", "sum", 4),
        ("sum", "Conv2D", "conv3"),
        ("conv3", "LeakyReLU", "conv3_leaky"),
        ("conv3_leaky", "Conv2DTranspose", "conv_bottom", {"filters": outputs, "kernel_size": kernel_size, "strides": stride}),
        ("conv_bottom", "Cropping2D", "out", {"cropping": 3 if stride == 2 else 2}),
    ]


def _unet2(filters, outputs):
    """Return the links of the second U-Net, which is one level deeper and keeps the size."""
    return [
        *_convs(0, "conv1", filters // 2, filters, attention=False),
        *_resized("conv1", "Conv2D", "conv1_down", filters),
        *_convs("conv1_down_leaky", "conv2", filters, 2 * filters),
        *_resized("conv2", "Conv2D", "conv2_down", 2 * filters),
        *_convs("conv2_down_leaky", "conv3", 4 * filters, 2 * filters),
        *_resized("conv3", "Conv2DTranspose", "conv3_up", 2 * filters),
        *_skipped("conv3_up_leaky", "conv2", "sum_2", 4),
        *_convs("sum_2", "conv4", filters, filters),
        *_resized("conv4", "Conv2DTranspose", "conv4_up", filters),
        *_skipped("conv4_up_leaky", "conv1", "sum_1", 16),
        ("sum_1", "Conv2D", "conv5"),
        ("conv5", "LeakyReLU", "conv5_leaky"),
        ("conv5_leaky", "Conv2D", "conv_bottom", {"filters": outputs}),
    ]


def names(*, pro, **_):
    """Return the keys of the authors' state_dict."""
    return {
        "block_unet*-block_conv*-conv_squeezed": "unet*.conv*.seblock.conv1",
        "block_unet*-block_conv*-conv_excited": "unet*.conv*.seblock.conv2",
        "block_unet*-conv_conv*_1": "unet*.conv*.conv.0",
        "block_unet*-conv_conv*_2": "unet*.conv*.conv.2",
        "block_unet*-conv_*": "unet*.*",
        "conv_final": "conv_final",
        **({"=0": "pro.reshape(1)"} if pro else {}),
    }


def detect(state):
    """Return the arguments of the Real-CUGAN in a state_dict."""
    filters, inputs = state["unet1.conv1.conv.2.weight"][0], state["unet1.conv1.conv.0.weight"][1]
    channels = state["conv_final.weight"][0] // 4 if "conv_final.weight" in state else inputs
    fast = inputs == 4 * channels
    if channels not in (1, 3) or (inputs != channels and not fast):
        raise ValueError(f"has {inputs} input and {channels} output channels; visionfw's models read 3 (RGB) or 1 (luma)")
    scale = 3 if state["unet1.conv_bottom.weight"][2] == 5 else 4 if "conv_final.weight" in state and not fast else 2
    return {"scale": scale, "filters": filters, "pro": "pro" in state, "fast": fast, "color": "rgb" if channels == 3 else "y"}
