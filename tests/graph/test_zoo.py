"""What the language must be able to say: networks with shared blocks, several outputs, attention, a time embedding.

Counts are compared with published code where the paper gives only thousands.
"""

import json

import numpy as np
import pytest
import zoo

import visionfw as vf

PUBLISHED = [
    # CARN, one scale: nmhkahn/CARN-pytorch, issue 47 (1,112K for x4; 1,592K in the paper is all three scales' upsamplers together)
    ("carn", {"scale": 4}, 1_111_875),
    # PAN: 272K in Zhao et al., ECCVW 2020, table 2; zhaohengyuan1/PAN, PAN_arch.py
    ("pan", {"scale": 4}, 272_419),
    # SwinIR-light as released (the paper's 897K lacks one 3x3 convolution): 929,628
    ("swinir_light", {"scale": 4}, 929_628),
]


@pytest.mark.parametrize(("name", "arguments", "count"), PUBLISHED)
def test_parameters_are_as_published(name, arguments, count):
    assert vf.cost(getattr(zoo, name)(**arguments)).params == count


@pytest.mark.parametrize("name", ["carn", "carn_m", "pan", "unet", "swinir_light"])
def test_each_survives_json_in_its_normal_form(name):
    normal = vf.canonicalize(getattr(zoo, name)())
    assert vf.canonicalize(json.loads(json.dumps(normal))) == normal
    vf.check(normal)


@pytest.mark.parametrize(("name", "arguments"), [("carn", {}), ("carn_m", {}), ("pan", {"blocks": 2}), ("swinir_light", {"groups": 1, "depth": 2})])
def test_each_enlarges_any_odd_size(name, arguments):
    d = getattr(zoo, name)(**arguments)
    made = vf.build(d)(np.random.default_rng(0).random((1, 11, 13, 3), np.float32))
    assert made.shape == (1, 44, 52, 3)
    assert np.isfinite(made).all()


def test_carn_m_shares_its_blocks_inside_each_cascade_alone():
    names = {weight.path for weight in vf.build(zoo.carn_m()).weights}
    shared = sorted(name for name in names if name.endswith("conv_1/kernel"))
    assert "block_body-block_b1-block_unit-conv_1/kernel" in shared
    assert len([name for name in shared if "block_unit" in name]) == 3


def test_the_unet_takes_two_images_and_a_noise_level():
    model = vf.build(zoo.unet())
    assert {tensor.name for tensor in model.inputs} == {"noisy", "lr", "level"}
    random = np.random.default_rng(0)
    images = {name: random.random((2, 16, 24, 3), np.float32) for name in ("noisy", "lr")}
    low, high = (np.asarray(model({**images, "level": np.full((2, 1), level, np.float32)})) for level in (0.1, 0.9))
    assert low.shape == (2, 16, 24, 3)
    assert np.abs(low - high).max() > 1e-4


def test_window_attention_sees_its_window_and_no_further():
    d = {"name": "x", "conv": [(0, 1), (2, 3)], "conv_par": [{"filters": 8, "kernel_size": 1}, {"filters": 3, "kernel_size": 1}]}
    d |= {"layer": [(1, 2)], "layer_sub": "WindowAttention", "layer_par": {"heads": 2, "window": 4}}
    model = vf.build(d)
    x = np.random.default_rng(0).random((1, 10, 9, 3)).astype("float32")
    y = x.copy()
    y[0, 1, 2] += 1
    changed = np.abs(np.asarray(model(x)) - np.asarray(model(y))).max(axis=(0, 3)) > 1e-7
    assert changed[:4, :4].all()
    assert not changed[4:].any()
    assert not changed[:, 4:].any()
