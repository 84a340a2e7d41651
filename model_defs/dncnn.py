"""DnCNN: a plain stack of convolutions that predicts the noise of an image; also FDnCNN, which is told the level of the noise.

Zhang et al., Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising, TIP 2017. https://arxiv.org/abs/1608.03981

Defaults: CDnCNN-B, 20 layers of 64 features with batch normalization, on RGB; the layers and names are KAIR's. For a known noise level:
`--model_args=layers=17`. FDnCNN: `--model_args=norm=False,noise_map=True,noise_level=25`. Weight files of KAIR have batch normalization
folded into the convolutions: `norm=False`.

    python train.py --model=dncnn --scale=1 --degradation=noise:sigma=25 --loss=mse --optimizer=adam --patch_size=40 --train_data=BSDS500/train

Published, sigma 25: CDnCNN-B 31.23 dB (RGB, CBSD68); DnCNN-S 29.23 dB (gray, BSD68). None for upscaling.
"""

FAMILY = "restoration"
ASSUMED = ("noise_level",)


def dncnn(*, scale=1, color="rgb", layers=20, filters=64, norm=True, noise_map=False, noise_level=15):
    """Return DnCNN's dictionary.

    Args:
        scale: 1: the image is restored at its own size.
        color: 'rgb', or 'y' for luma.
        layers: number of convolutions, at least 3.
        filters: features.
        norm: batch normalization behind all convolutions but the first and the last.
        noise_map: FDnCNN: the network reads the noise level as one more channel, and returns the image instead of its noise.
        noise_level: standard deviation of the noise in gray levels, for `noise_map`. Weight files do not tell it.
    """
    if scale != 1:
        raise ValueError(f"scale must be 1, not {scale}")
    if layers < 3:
        raise ValueError(f"layers must be at least 3, not {layers}")
    tail = {"filters": {"y": 1, "rgb": 3}[color]}
    return {
        "name": "FDnCNN" if noise_map else "DnCNN",
        "paper": "https://arxiv.org/abs/1608.03981",
        "scale": 1,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"unit": {"links": _unit(norm)}},
        "links": [
            *(_with_noise_map(noise_level) if noise_map else []),
            ("noisy" if noise_map else 0, "Conv2D", "head"),
            ("head", "ReLU", "features"),
            ("features", "unit", "body", {"repeat": layers - 2}),
            *([("body", "Conv2D", "tail", tail)] if noise_map else [("body", "Conv2D", "tail", tail), ((0, "tail"), "Subtract", "sr")]),
        ],
    }


def _unit(norm):
    """Return the links of a convolution and what follows it."""
    normed = [("convolved", "BatchNormalization", "normed", {"epsilon": 1e-4})] if norm else []
    return [(0, "Conv2D", "convolved"), *normed, ("normed" if norm else "convolved", "ReLU", "active")]


def _with_noise_map(noise_level):
    """Return links from the image to the image with a channel that holds the noise level everywhere."""
    return [
        (0, "ChannelSlice", "first", {"stop": 1}),
        ("first", "Rescaling", "level", {"scale": 0.0, "offset": noise_level / 255}),
        ((0, "level"), "Concatenate", "noisy"),
    ]


def names(*, layers, norm, **_):
    """Return the keys of KAIR's state_dict by our layers' names."""
    step = 3 if norm else 2
    return {
        "conv_head": "model.0",
        "block_body-*-conv_convolved": f"model.{{{step}*+2}}",
        "block_body-*-norm_normed": f"model.{{{step}*+3}}",
        "conv_tail": f"model.{step * (layers - 2) + 2}",
    }


def detect(state):
    """Return the arguments of the model in a state_dict."""
    filters, channels = state["model.0.weight"][:2]
    norm = "model.3.running_mean" in state
    state["model.2.weight"]
    last = state.count("model.*.weight") - 1
    produced = state[f"model.{last}.weight"][0]
    if produced not in (1, 3):
        raise ValueError(f"returns {produced} channels; visionfw's models return 3 (RGB) or 1 (luma)")
    if channels not in (produced, produced + 1):
        raise ValueError(f"reads {channels} channels and returns {produced}; only one channel of noise levels can be added")
    noise_map = channels == produced + 1
    return {
        "color": "rgb" if produced == 3 else "y",
        "layers": (last - 2) // (3 if norm else 2) + 2,
        "filters": filters,
        "norm": norm,
        "noise_map": noise_map,
        **({} if noise_map else {"noise_level": 15}),
    }
