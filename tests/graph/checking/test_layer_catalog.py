"""Which layers a saved model may hold: what a dictionary may name, and nothing that could run code."""

import json

import keras
import pytest
import zoo

import visionfw as vf
from visionfw.graph.checking.layer_catalog import saved_model_problems


def of_model(model):
    return json.loads(model.to_json())


def with_operations(tensors):
    return keras.ops.relu(keras.layers.Conv2D(3, 3, padding="same")(tensors[0]) * 2.0)[..., :3] + tensors[0]


@pytest.mark.parametrize(
    "dictionary",
    [
        vf.definition("srresnet", blocks=1, filters=8),
        vf.definition("sr3", filters=8),
        vf.definition("patch_discriminator", filters=4),
        zoo.swinir_light(groups=1, depth=2),
        {"name": "x", "block": [(0, 1)], "block_sub": with_operations},
        {"name": "x", "conv": [(0, 1)], "conv_par": {"filters": 3, "kernel_regularizer": keras.regularizers.L2(1e-4), "activation": "relu"}},
    ],
    ids=["SRResNet", "SR3", "discriminator", "SwinIR", "operations", "regularizer"],
)
def test_what_visionfw_builds_may_be_read(dictionary):
    assert saved_model_problems(of_model(vf.build(dictionary))) == []


def test_the_loss_and_the_optimizer_are_not_looked_at():
    config = {"class_name": "Functional", "module": "keras", "config": {}, "compile_config": {"loss": {"class_name": "function", "config": "mine"}}}
    assert saved_model_problems(config) == []


def layer(name, module="keras.layers", registered=None, **config):
    return {"class_name": name, "module": module, "registered_name": registered, "config": config}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (layer("Lambda", function={"class_name": "__lambda__", "config": {}}), "layer 'Lambda' of module 'keras.layers' is not allowed: it holds code"),
        (layer("TFSMLayer", filepath="x"), "layer 'TFSMLayer' of module 'keras.layers' is not allowed: it holds code"),
        (layer("TimeDistributed", layer=layer("Dense", units=3)), "layer 'TimeDistributed' of module 'keras.layers' is not allowed: it holds other layers"),
        (layer("Activation", activation=layer("function", "builtins")), "layer 'function' of module 'builtins' is not allowed: it may run code"),
        (layer("system", "os"), "layer 'system' of module 'os' is not allowed: it may run code"),
        (layer("Conv2D", registered="other>Conv2D"), "layer 'Conv2D' of module 'keras.layers' is not allowed"),
        (layer("PixelShuffle", "visionfw.layers", "other>PixelShuffle"), "layer 'PixelShuffle' of module 'visionfw.layers' is not allowed"),
        (layer("LaterThanUs"), "layer 'LaterThanUs' of module 'keras.layers' is not allowed: it may run code"),
        (layer(["Conv2D"]), """layer "['Conv2D']" of module 'keras.layers' is not allowed"""),
    ],
)
def test_a_model_that_holds_anything_else_is_not_read(entry, sentence):
    config = {"class_name": "Functional", "module": "keras", "config": {"layers": [layer("Conv2D", filters=3), entry]}, "registered_name": None}
    assert sentence in "\n".join(saved_model_problems(config))
