"""VGG19's features on weights that the tests make, against the network written out."""

import h5py
import keras
import numpy as np
import pytest
from torch_files import as_tensors, write_zip
from vgg_reference import VGG19, random_weights, standardized, vgg19_features

from visionfw.errors import RequestError
from visionfw.metrics.vgg19 import Vgg19


@pytest.fixture(scope="module")
def arrays():
    return random_weights(VGG19, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "number", "activated"), [("relu5_4", 34, True), ("conv5_4", 34, False), ("relu2_2", 7, True)])
def test_features_from_pytorchs_weights(tmp_path, arrays, photograph, layer, number, activated):
    write_zip(tmp_path / "vgg19.pth", as_tensors(arrays | {"classifier.0.weight": np.zeros((4, 8)), "classifier.0.bias": np.zeros(4)}))
    pair = np.stack([photograph[:16, :16], photograph[40:56, 60:76]]).astype(np.float32) / 255
    features = Vgg19(layer, {"vgg19": str(tmp_path / "vgg19.pth")})(pair)
    expected = [vgg19_features(standardized(image), arrays, number, activated) for image in pair]
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.slow
def test_features_from_keras_weights_are_of_bgr_levels(tmp_path, arrays, photograph):
    network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
    network.set_weights([array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in arrays.values()])
    write_keras_2(tmp_path / "vgg19.h5", network)
    image = photograph[:16, :16].astype(np.float64)
    features = Vgg19("relu2_2", {"vgg19": str(tmp_path / "vgg19.h5")})(image[None].astype(np.float32) / 255)
    expected = vgg19_features(image[..., ::-1] - [103.939, 116.779, 123.68], arrays, 7, True)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(features)[0], expected, rtol=2e-3, atol=0.05)


def write_keras_2(path, network):
    """Write weights in the layout of Keras' published .h5 files."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in ("W", "b")] if layer.weights else []
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=weight)


def test_it_needs_weights():
    with pytest.raises(RequestError, match=r"--loss=vgg needs the weights of VGG19 .*: give --feature_weights=vgg19=FILE or --allow_download"):
        Vgg19("relu5_4", {})


@pytest.mark.slow
def test_vgg19_with_batch_normalization_is_refused(tmp_path, arrays):
    statistics = {f"features.{number}.running_mean": np.zeros(64, np.float32) for number in (1, 4)}
    statistics |= {f"features.{number}.running_var": np.ones(64, np.float32) for number in (1, 4)}
    write_zip(tmp_path / "vgg19_bn.pth", as_tensors(arrays | statistics))
    with pytest.raises(RequestError, match=r"vgg19_bn\.pth: is not VGG19 as it was published"):
        Vgg19("relu5_4", {"vgg19": str(tmp_path / "vgg19_bn.pth")})
