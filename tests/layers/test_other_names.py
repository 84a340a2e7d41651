"""Names of other frameworks lead to ours."""

import pytest

import visionfw as vf
from visionfw.layers import other_names
from visionfw.layers.facts import all_layer_names
from visionfw.layers.other_names import unknown_layer, unknown_parameter


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("sqrt", "'Power' (exponent=0.5)"),
        ("Bilinear", "'UpSampling2D' (interpolation='bilinear')"),
        ("nn.Conv2d", "'Conv2D'"),
        ("ConvTranspose2d", "'Conv2DTranspose'"),
        ("Linear", "'Dense'"),
        ("AdaptiveAvgPool2d", "'GlobalAveragePooling2D' (keepdims=True for 1 x 1)"),
        ("AvgPool2d", "'AvgPool2D'"),
        ("GELU", "'gelu'"),
        ("torch.cat", "'Concatenate'"),
        ("ReflectionPad2d", "'ReflectPadding'"),
        ("InstanceNorm2d", "'GroupNormalization' (groups=-1)"),
        ("BatchNorm2d", "'BatchNormalization'"),
        ("mean", "'Reduce' (statistic='mean')"),
        ("Upsample", "'UpSampling2D' (or Interpolate)"),
        ("PixelShufle", "'PixelShuffle'"),
    ],
)
def test_a_layers_name_elsewhere_leads_to_ours(name, suggestion):
    assert unknown_layer("layer", name, all_layer_names()) == f"no layer {name!r}; did you mean {suggestion}?"


def test_every_suggestion_is_a_layer():
    assert {ours for ours, _ in other_names._LAYERS.values()} <= set(all_layer_names())


@pytest.mark.parametrize(
    ("name", "choices", "ours"), [("bias", ["bias_constraint", "use_bias"], "use_bias"), ("scale_factor", ["size", "interpolation"], "size")]
)
def test_a_parameters_name_elsewhere_leads_to_ours(name, choices, ours):
    assert unknown_parameter(name, choices) == f"no parameter {name!r}; did you mean {ours!r}?"


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ((0, "sqrt", 1), "no layer or block 'sqrt'; did you mean 'Power' (exponent=0.5)?"),
        ((0, "AveragePooling2D", 1, {"pool_size": 2, "padding": 1}), "AveragePooling2D: 'padding' must be 'same' or 'valid', not 1"),
        ((0, "Conv1D", 1, {"filters": 3, "padding": 1}), "Conv1D: 'padding' must be 'same' or 'valid', not 1"),
        ((0, "Conv2D", 1, {"filters": 3, "bias": False}), "Conv2D: no parameter 'bias'; did you mean 'use_bias'?"),
        ((0, "LeakyReLU", 1, {"alpha": 0.2}), "LeakyReLU: no parameter 'alpha'; did you mean 'negative_slope'?"),
        ((0, "Conv2D", 1, {"filters": None}), "Conv2D(kernel_size=3, padding='same') on H x W x 3"),
        ((0, "nothing like it", 1), "no layer or block 'nothing like it'; a block that is a Python function is passed as functions={name: function}"),
    ],
)
def test_messages_of_the_check_suggest_them(link, problem):
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check({"name": "x", "links": [link]})
    assert any(problem in line for line in caught.value.problems), caught.value.problems
