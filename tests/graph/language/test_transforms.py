"""What a run changes in a definition before it is compiled."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.graph.language.ir import to_dictionary
from visionfw.graph.language.transforms import initialized, standardized


def definition(name, **arguments):
    return examine(vf.definition(name, **arguments)).definition


@pytest.mark.parametrize("name", ["srcnn", "vdsr", "edsr_small", "srresnet", "fsrcnn"])
def test_a_normalized_model_is_the_model_between_two_affine_maps(name):
    small = {"vdsr": {"layers": 4}, "edsr_small": {"blocks": 1, "filters": 8}, "srresnet": {"blocks": 1, "filters": 8}}.get(name, {})
    plain = definition(name, scale=2, **small)
    channels = plain.channels
    mean, deviation = [0.4, 0.5, 0.3][:channels], [0.2, 0.25, 0.3][:channels]
    changed = standardized(plain, mean, deviation)
    model, inner = vf.build(to_dictionary(changed), scale=2), vf.build(to_dictionary(plain), scale=2)
    inner.set_weights([np.random.default_rng(0).normal(0, 0.05, weight.shape) ** (2 if "variance" in weight.path else 1) for weight in inner.weights])
    model.set_weights(inner.get_weights())
    x = np.random.default_rng(1).random((1, 12, 10, channels), np.float32)
    expected = inner((x - np.float32(mean)) / np.float32(deviation)) * np.float32(deviation) + np.float32(mean)
    np.testing.assert_allclose(model(x), expected, atol=2e-5)


def test_kernels_start_from_the_initializer_unless_their_link_says_another():
    start = {"class_name": "RandomNormal", "config": {"stddev": 0.001}}
    model = vf.build(to_dictionary(initialized(definition("edsr_small", scale=2, filters=16), start)), scale=2)
    kernels = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights if weight.path.endswith("kernel")}
    tail = [path for path in kernels if "tail" in path]
    assert len(tail) == 1
    for path, kernel in kernels.items():
        expected = 0.0 if path in tail else 0.001
        assert kernel.std() == pytest.approx(expected, rel=0.15)
