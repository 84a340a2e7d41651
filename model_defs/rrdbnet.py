"""RRDBNet: residual-in-residual dense blocks, the network of ESRGAN, BSRGAN and Real-ESRGAN.

Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCVW 2018. https://arxiv.org/abs/1809.00219

Defaults: as published, 23 blocks of 64 features. Real-ESRGAN's x2 and x1 models work on a smaller image of more channels, `unshuffle=2` and
`unshuffle=4`; its anime model has `blocks=6`. `plus=True` is ESRGAN+ without its noise in training. ESRGAN's weight files do not tell x3
from x2: they are opened as x2.

    python train.py --model=rrdbnet --optimizer=adam --batch_size=16 --learning_rate=2e-4 --schedule=step --patch_size=32 --train_data=DIV2K --steps=1000000

Published, x4, Y, trained for PSNR: Set5 32.73, Set14 28.99, BSD100 27.85 dB.
"""

import math

FAMILY = "CNN"

#: He's initialization times 0.1, as in the reference: deep stacks of dense blocks start close to the identity.
_SMALL = {"class_name": "VarianceScaling", "config": {"scale": 2 * 0.1**2, "mode": "fan_in", "distribution": "untruncated_normal"}}


def rrdbnet(*, scale=4, blocks=23, filters=64, growth=32, unshuffle=1, plus=False, color="rgb"):
    """Return RRDBNet's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: residual-in-residual blocks, of three dense blocks each.
        filters: features.
        growth: features that each convolution of a dense block adds.
        unshuffle: 2 or 4 moves squares of so many input pixels into the channels, so that all but the last layers see a smaller image.
        plus: the additional skips in the dense blocks of ESRGAN+.
        color: "rgb", or "y" for luma alone.
    """
    if unshuffle not in (1, 2, 4):
        raise ValueError(f"unshuffle must be 1, 2 or 4, not {unshuffle}")
    head, upscaling = [(0, "Conv2D", "head")], []
    if unshuffle > 1:
        head = [(0, "PixelUnshuffle", "unshuffled", {"size": unshuffle}), ("unshuffled", "Conv2D", "head")]
    stages = _stages(scale, unshuffle)
    for number, factor in enumerate(stages, 1):
        upscaling += [
            (f"stage_{number - 1}", "UpSampling2D", f"enlarged_{number}", {"size": factor}),
            (f"enlarged_{number}", "Conv2D", f"up_{number}"),
            (f"up_{number}", "LeakyReLU", f"stage_{number}"),
        ]
    return {
        "name": "RRDBNet",
        "paper": "https://arxiv.org/abs/1809.00219",
        "scale": scale,
        "color": color,
        **({"multiple": unshuffle, "edge": "reflect"} if unshuffle > 1 else {}),
        "defaults": {"conv": {"filters": filters}, "activation": {"negative_slope": 0.2}},
        "blocks": {"rrdb": {"links": _RRDB, "blocks": {"rdb": _dense_block(filters, growth, plus)}}},
        "links": [
            *head,
            ("head", "rrdb", "blocks", {"repeat": blocks}),
            ("blocks", "Conv2D", "body"),
            (("head", "body"), "Add", "stage_0"),
            *upscaling,
            (f"stage_{len(stages)}", "Conv2D", "wide"),
            ("wide", "LeakyReLU", "wide_activated"),
            ("wide_activated", "Conv2D", "sr", {"filters": {"rgb": 3, "y": 1}[color]}),
        ],
    }


_RRDB = [
    (0, "rdb", "rdb_1"),
    ("rdb_1", "rdb", "rdb_2"),
    ("rdb_2", "rdb", "rdb_3"),
    ("rdb_3", "Rescaling", "scaled", {"scale": 0.2}),
    ((0, "scaled"), "Add", "sum"),
]


def _dense_block(filters, growth, plus):
    """Return a residual dense block: four convolutions that read all features before them, and one that returns to `filters`."""
    links = []
    features = [0]
    for number in range(1, 5):
        links += [
            *_concatenated(features, number),
            (f"all_{number}" if number > 1 else 0, "Conv2D", number, {"filters": growth}),
            (number, "LeakyReLU", f"grown_{number}"),
        ]
        features.append(f"grown_{number}")
        if plus and number in (2, 4):
            skip, features[-1] = ("1x1" if number == 2 else features[2]), f"skipped_{number}"
            links.append(((f"grown_{number}", skip), "Add", f"skipped_{number}"))
    if plus:
        links.append((0, "Conv2D", "1x1", {"filters": growth, "kernel_size": 1, "use_bias": False}))
    links += [
        *_concatenated(features, 5),
        ("all_5", "Conv2D", 5),
        (5, "Rescaling", "scaled", {"scale": 0.2}),
        ((0, "scaled"), "Add", "sum"),
    ]
    return {"links": links, "defaults": {"conv": {"filters": filters, "kernel_initializer": _SMALL}}}


def _concatenated(features, number):
    """Return the link that concatenates the features which convolution `number` of a dense block reads."""
    return [(tuple(features), "Concatenate", f"all_{number}")] if number > 1 else []


def _stages(scale, unshuffle):
    """Return the factors by which the network enlarges, stage by stage."""
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    doublings = round(math.log2(unshuffle))
    return [3] + [2] * doublings if scale == 3 else [2] * (round(math.log2(scale)) + doublings)


def names(*, scale, unshuffle, blocks, plus, **_):
    """Return the keys of the state_dicts of BasicSR (Real-ESRGAN), of BSRGAN and of ESRGAN's first code, which alone has ESRGAN+."""
    stages = len(_stages(scale, unshuffle))
    basicsr = {
        "conv_head": "conv_first",
        "block_blocks-*-block_rdb_*-conv_*": "body.*.rdb*.conv*",
        "conv_body": "conv_body",
        "conv_up_*": "conv_up*",
        "conv_wide": "conv_hr",
        "conv_sr": "conv_last",
    }
    bsrgan = {
        "conv_head": "conv_first",
        "block_blocks-*-block_rdb_*-conv_*": "RRDB_trunk.*.RDB*.conv*",
        "conv_body": "trunk_conv",
        "conv_up_*": "upconv*",
        "conv_wide": "HRconv",
        "conv_sr": "conv_last",
    }
    esrgan = {
        "conv_head": "model.0",
        "block_blocks-*-block_rdb_*-conv_1x1": "model.1.sub.*.RDB*.conv1x1",
        "block_blocks-*-block_rdb_*-conv_*": "model.1.sub.*.RDB*.conv*.0",
        "conv_body": f"model.1.sub.{blocks}",
        "conv_up_*": "model.{3*}",
        "conv_wide": f"model.{3 * stages + 2}",
        "conv_sr": f"model.{3 * stages + 4}",
    }
    return [esrgan] if plus else [basicsr, bsrgan, esrgan]


def detect(state):
    """Return the arguments of the RRDBNet in a state_dict of any of the three spellings."""
    head, last = "conv_first.weight", "conv_last.weight"
    if "model.0.weight" in state:
        dense = "model.1.sub.*.RDB1.conv1.0.weight"
        stages = (state.count("model.*.weight") - 5) // 3
        head, last = "model.0.weight", f"model.{3 * stages + 4}.weight"
    else:
        is_basicsr = state.has("body.*.rdb1.conv1.weight")
        dense, up = ("body.*.rdb1.conv1.weight", "conv_up*.weight") if is_basicsr else ("RRDB_trunk.*.RDB1.conv1.weight", "upconv*.weight")
        stages = state.count(up) - 1 if state.has(up) else 0
    blocks = state.count(dense)
    channels, unshuffle = state[last][0], math.isqrt(state[head][1] // state[last][0])
    if channels not in (1, 3) or state[head][1] != channels * unshuffle**2:
        raise ValueError(f"has {state[head][1]} input and {channels} output channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": 2**stages // unshuffle,
        "blocks": blocks,
        "filters": state[head][0],
        "growth": state[dense.replace("*", "0")][0],
        "unshuffle": unshuffle,
        "plus": state.has("model.1.sub.*.RDB1.conv1x1.weight"),
        "color": "rgb" if channels == 3 else "y",
    }


def in_order(layers):
    """Return the prefixes of BasicSR's keys in the order in which a network of so many convolutions runs them."""
    blocks, stages = divmod(layers - 4, 15)
    if blocks < 1 or stages > 3:
        return None
    dense = [f"body.{block}.rdb{part}.conv{number}" for block in range(blocks) for part in (1, 2, 3) for number in range(1, 6)]
    return ["conv_first", *dense, "conv_body", *[f"conv_up{stage}" for stage in range(1, stages + 1)], "conv_hr", "conv_last"]
