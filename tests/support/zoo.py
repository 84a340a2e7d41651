"""Dictionaries of networks that the language must be able to say, beyond model_defs: shared blocks, several outputs, attention, time."""


def carn(scale=4, filters=64):
    """CARN (Ahn et al., ECCV 2018): cascades of cascades; x4 is two enlargements by 2, each with a ReLU before the shuffle."""
    residual = {"conv": [(0, 1), (2, 3)], "activation": [(1, 2), (4, 5)], "merge": [(0, 3, 4)]}
    stages = 2 if scale == 4 else 1
    size = 2 if scale == 4 else scale

    def cascade(block):
        return {
            "block": [(0, "b1"), ("c1", "b2"), ("c2", "b3")],
            "block_sub": block,
            "merge": [(0, "b1", "j1"), ("j1", "b2", "j2"), ("j2", "b3", "j3")],
            "merge_sub": "Concatenate",
            "conv": [("j1", "f1"), ("j2", "f2"), ("j3", "f3")],
            "conv_par": {"kernel_size": 1},
            "activation": [("f1", "c1"), ("f2", "c2"), ("f3", "c3")],
        }

    local = cascade("residual") | {"blocks": {"residual": residual}}
    up = {
        "conv": [(0, 1)],
        "conv_par": [{"filters": filters * size**2}],
        "activation": [(1, 2)],
        "layer": [(2, 3)],
        "layer_sub": "PixelShuffle",
        "layer_par": {"size": size},
    }
    return {
        "name": "CARN",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [("shifted", "head"), ("large", "tail")],
        "conv_par": [None, {"filters": 3}],
        "block": [("head", "body"), ("body", "large")],
        "block_sub": ["global", "up"],
        "block_par": [None, {"repeat": stages}],
        "blocks": {"global": cascade("local"), "local": local, "up": up},
        "layer": [(0, "shifted"), ("tail", "sr")],
        "layer_sub": "MeanShift",
        "layer_par": [{"sign": -1}, {"sign": 1}],
    }


def carn_m(scale=4, filters=64, groups=4):
    """CARN-M: efficient residual blocks of grouped convolutions whose weights are shared inside a cascade."""
    d = carn(scale, filters)
    grouped = {"groups": groups}
    efficient = {
        "conv": [(0, 1), (2, 3), (4, 5)],
        "conv_par": [grouped, grouped, {"kernel_size": 1}],
        "activation": [(1, 2), (3, 4), (6, 7)],
        "merge": [(0, 5, 6)],
    }
    local = {**d["blocks"]["local"], "block_par": {"share": "unit"}, "blocks": {"residual": efficient}}
    return {**d, "name": "CARN-M", "blocks": {**d["blocks"], "local": local}}


def pan(scale=4, filters=40, up_filters=24, blocks=16):
    """PAN (Zhao et al., ECCVW 2020): pixel attention."""
    half = {"filters": filters // 2, "use_bias": False}
    scpa = {
        "conv": [(0, "a"), (0, "b"), ("a1", "a3"), ("b1", "k2"), ("b1", "k3"), ("gated", "k4"), ("joined", "out")],
        "conv_par": [
            half | {"kernel_size": 1},
            half | {"kernel_size": 1},
            half,
            {"filters": filters // 2, "kernel_size": 1},
            half,
            half,
            {"use_bias": False, "kernel_size": 1},
        ],
        "activation": [("a", "a1"), ("b", "b1"), ("a3", "a4"), ("k2", "attention"), ("k4", "b4")],
        "activation_sub": ["LeakyReLU", "LeakyReLU", "LeakyReLU", "sigmoid", "LeakyReLU"],
        "activation_par": [{"negative_slope": 0.2}] * 3 + [None, {"negative_slope": 0.2}],
        "merge": [("k3", "attention", "gated"), ("a4", "b4", "joined"), (0, "out", "sum")],
        "merge_sub": ["Multiply", "Concatenate", "Add"],
    }
    leaky = {"negative_slope": 0.2}
    stage = {
        "layer": [(0, "nearest")],
        "layer_sub": "Nearest",
        "layer_par": {"scale": 2 if scale == 4 else scale},
        "conv": [("nearest", "c1"), ("c1", "p"), ("l1", "c2")],
        "conv_par": [{"filters": up_filters}, {"filters": up_filters, "kernel_size": 1}, {"filters": up_filters}],
        "activation": [("p", "attention"), ("gated", "l1"), ("c2", "l2")],
        "activation_sub": ["sigmoid", "LeakyReLU", "LeakyReLU"],
        "activation_par": [None, leaky, leaky],
        "merge": [("c1", "attention", "gated")],
        "merge_sub": "Multiply",
    }
    return {
        "name": "PAN",
        "scale": scale,
        "defaults": {"conv": {"filters": filters}},
        "conv": [(0, "head"), ("trunk", "body"), ("large", "tail")],
        "conv_par": [None, None, {"filters": 3}],
        "block": [("head", "trunk"), ("features", "large")],
        "block_sub": ["scpa", "stage"],
        "block_par": [{"repeat": blocks}, {"repeat": 2 if scale == 4 else 1}],
        "blocks": {"scpa": scpa, "stage": stage},
        "merge": [("head", "body", "features"), ("tail", "bilinear", "sr")],
        "layer": [(0, "bilinear")],
        "layer_sub": "UpSampling2D",
        "layer_par": {"size": scale, "interpolation": "bilinear"},
    }


def unet(filters=16, levels=2):
    """A small U-Net as SR3's (Saharia et al. 2021): noisy image and condition, a noise level, skips, attention at the bottom."""
    residual = {
        "inputs": ["x", "time"],
        "norm": [("x", "n1"), ("timed", "n2")],
        "norm_sub": "GroupNormalization",
        "norm_par": {"groups": 4},
        "activation": [("n1", "a1"), ("n2", "a2")],
        "activation_sub": "silu",
        "conv": [("a1", "c1"), ("a2", "c2"), ("x", "matched")],
        "conv_par": [None, None, {"kernel_size": 1}],
        "layer": [("time", "t")],
        "layer_sub": "Dense",
        "layer_par": {"units": filters},
        "merge": [("c1", "t", "timed"), ("c2", "matched", "sum")],
    }
    downs = [f"down_{level}" for level in range(levels)]
    return {
        "name": "U-Net",
        "inputs": {"noisy": "noisy", "lr": "condition", "level": "level"},
        "shapes": {"level": [1]},
        "defaults": {"conv": {"filters": filters}},
        "merge": [("noisy", "condition", "given"), *[(f"large_{level}", downs[level], f"joined_{level}") for level in range(levels)]],
        "merge_sub": "Concatenate",
        "conv": [("given", "head"), *[(downs[level], f"small_{level}") for level in range(levels)], ("up_0", "noise")],
        "conv_par": [None, *[{"strides": 2}] * levels, {"filters": 3}],
        "layer": [
            ("level", "embedded"),
            ("embedded", "time"),
            ("bottom", "attended"),
            *[("middle" if level == levels - 1 else f"up_{level + 1}", f"large_{level}") for level in range(levels)],
        ],
        "layer_sub": ["SinusoidalEmbedding", "Dense", "SelfAttention", *["Nearest"] * levels],
        "layer_par": [{"features": 32, "scale": 5000}, {"units": filters, "activation": "silu"}, {"heads": 2}, *[{"scale": 2}] * levels],
        "block": [
            *[("head" if level == 0 else f"small_{level - 1}", "time", downs[level]) for level in range(levels)],
            (f"small_{levels - 1}", "time", "bottom"),
            ("attended", "time", "middle"),
            *[(f"joined_{level}", "time", f"up_{level}") for level in range(levels)],
        ],
        "block_sub": "residual",
        "blocks": {"residual": residual},
    }


def swinir_light(scale=4, features=60, groups=4, depth=6, heads=6, window=8):
    """SwinIR-light (Liang et al., ICCVW 2021): window attention, shifted in every second block."""

    def block(shift):
        return {
            "norm": [(0, "n1"), ("s1", "n2")],
            "norm_sub": "LayerNormalization",
            "norm_par": {"epsilon": 1e-5},
            "layer": [("n1", "attended"), ("n2", "wide"), ("active", "narrow")],
            "layer_sub": ["WindowAttention", "Dense", "Dense"],
            "layer_par": [{"heads": heads, "window": window, "shift": shift}, {"units": 2 * features}, {"units": features}],
            "activation": [("wide", "active")],
            "activation_sub": "gelu",
            "merge": [(0, "attended", "s1"), ("s1", "narrow", "s2")],
        }

    group = {
        "block": [(0, 1)],
        "block_sub": "pair",
        "block_par": {"repeat": depth // 2},
        "blocks": {
            "pair": {"block": [(0, 1), (1, 2)], "block_sub": ["plain", "shifted"], "blocks": {"plain": block(0), "shifted": block(window // 2)}},
        },
        "conv": [(1, 2)],
        "merge": [(0, 2, 3)],
    }
    return {
        "name": "SwinIR-light",
        "scale": scale,
        "defaults": {"conv": {"filters": features}},
        "conv": [(0, "head"), ("normed", "body"), ("features", "tail")],
        "conv_par": [None, None, {"filters": 3 * scale**2}],
        "norm": [("head", "embedded"), ("deep", "normed")],
        "norm_sub": "LayerNormalization",
        "norm_par": {"epsilon": 1e-5},
        "block": [("embedded", "deep")],
        "block_sub": "group",
        "block_par": {"repeat": groups},
        "blocks": {"group": group},
        "merge": [("head", "body", "features")],
        "layer": [("tail", "sr")],
        "layer_sub": "PixelShuffle",
        "layer_par": {"size": scale},
    }
