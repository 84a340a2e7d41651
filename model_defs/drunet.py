"""DRUNet: a U-Net of residual blocks without biases that is told the level of the noise; the denoiser of plug-and-play restoration.

Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, TPAMI 2021. https://arxiv.org/abs/2008.13751

Defaults: as published, 4 blocks at each of 4 sizes, 64 to 512 features, on RGB. The image is the network's only input; the noise level is a
constant of the dictionary, `--model_args=noise_level=25`, and reaches the network as one more channel.

    python train.py --model=drunet --scale=1 --degradation=noise:sigma=25 --model_args=noise_level=25 --optimizer=adam --patch_size=128 --train_data=DIV2K

Published, sigma 25: 31.69 dB (RGB, CBSD68), 29.48 dB (gray, BSD68). None for upscaling.
"""

FAMILY = "restoration"
ASSUMED = ("noise_level",)


def drunet(*, scale=1, color="rgb", blocks=4, widths=(64, 128, 256, 512), noise_map=True, noise_level=15):
    """Return DRUNet's dictionary.

    Args:
        scale: 1: the image is restored at its own size.
        color: 'rgb', or 'y' for luma.
        blocks: number of residual blocks at each size, on the way down and on the way up.
        widths: features at full, half, quarter and eighth size.
        noise_map: the network reads the noise level as one more channel.
        noise_level: standard deviation of the noise in gray levels, for `noise_map`. Weight files do not tell it.
    """
    if scale != 1:
        raise ValueError(f"scale must be 1, not {scale}")
    if len(widths) != 4:
        raise ValueError(f"widths must be 4 numbers, not {len(widths)}")
    halved = {"kernel_size": 2, "strides": 2}
    links = [("noisy" if noise_map else 0, "Conv2D", "down_0", {"filters": widths[0]})]
    for level in range(3):
        links += [
            (f"down_{level}", f"residual_{level}", f"encoded_{level}", {"repeat": blocks}),
            (f"encoded_{level}", "Conv2D", f"down_{level + 1}", halved | {"filters": widths[level + 1]}),
        ]
    links += [("down_3", "residual_3", "up_3", {"repeat": blocks})]
    for level in (2, 1, 0):
        links += [
            ((f"up_{level + 1}", f"down_{level + 1}"), "Add", f"joined_{level}"),
            (f"joined_{level}", "Conv2DTranspose", f"enlarged_{level}", halved | {"filters": widths[level]}),
            (f"enlarged_{level}", f"residual_{level}", f"up_{level}", {"repeat": blocks}),
        ]
    return {
        "name": "DRUNet",
        "paper": "https://arxiv.org/abs/2008.13751",
        "scale": 1,
        "color": color,
        "multiple": 8,
        "edge": "reflect",
        "defaults": {"conv": {"use_bias": False}},
        "blocks": {f"residual_{level}": _residual(width) for level, width in enumerate(widths)},
        "links": [
            *(_with_noise_map(noise_level) if noise_map else []),
            *links,
            (("up_0", "down_0"), "Add", "joined"),
            ("joined", "Conv2D", "sr", {"filters": {"y": 1, "rgb": 3}[color]}),
        ],
    }


def _residual(filters):
    """Return a residual block."""
    width = {"filters": filters}
    return {"links": [(0, "Conv2D", "first", width), ("first", "ReLU", "active"), ("active", "Conv2D", "second", width), ((0, "second"), "Add", "sum")]}


def _with_noise_map(noise_level):
    """Return links from the image to the image with a channel that holds the noise level everywhere."""
    return [
        (0, "ChannelSlice", "first", {"stop": 1}),
        ("first", "Rescaling", "level", {"scale": 0.0, "offset": noise_level / 255}),
        ((0, "level"), "Concatenate", "noisy"),
    ]


def names(*, blocks, **_):
    """Return the keys of KAIR's state_dict by our layers' names."""
    keys = {"conv_down_0": "m_head", "block_up_3-*-conv_first": "m_body.*.res.0", "block_up_3-*-conv_second": "m_body.*.res.2", "conv_sr": "m_tail"}
    for level in range(3):
        down, up = f"m_down{level + 1}", f"m_up{level + 1}"
        keys |= {
            f"block_encoded_{level}-*-conv_first": f"{down}.*.res.0",
            f"block_encoded_{level}-*-conv_second": f"{down}.*.res.2",
            f"conv_down_{level + 1}": f"{down}.{blocks}",
            f"conv_enlarged_{level}": f"{up}.0",
            f"block_up_{level}-*-conv_first": f"{up}.{{*+1}}.res.0",
            f"block_up_{level}-*-conv_second": f"{up}.{{*+1}}.res.2",
        }
    return keys


def detect(state):
    """Return the arguments of the model in a state_dict."""
    blocks = state.count("m_body.*.res.0.weight")
    produced = state["m_tail.weight"][0]
    channels = state["m_head.weight"][1]
    if produced not in (1, 3) or channels not in (produced, produced + 1):
        raise ValueError(f"reads {channels} channels and returns {produced}; visionfw's models read 3 (RGB) or 1 (luma), and one of noise levels")
    if state[f"m_down1.{blocks}.weight"][2:] != (2, 2) or state["m_up1.0.weight"][2:] != (2, 2):
        raise ValueError("halves or doubles sizes by other layers than (transposed) convolutions")
    noise_map = channels == produced + 1
    return {
        "color": "rgb" if produced == 3 else "y",
        "blocks": blocks,
        "widths": [state["m_head.weight"][0], *(state[f"m_down{level}.{blocks}.weight"][0] for level in (1, 2, 3))],
        "noise_map": noise_map,
        **({} if noise_map else {"noise_level": 15}),
    }
