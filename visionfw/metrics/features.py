"""Measures on the features of a network that was trained elsewhere: LPIPS, and distances between sets of images.

The networks are Keras' own; their weights come from files that the user names, or are downloaded by Keras where the user allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.feature_weights import NETWORKS
from visionfw.paths import user_path
from visionfw.weights.assign import assign
from visionfw.weights.files import read_weights

_INCEPTION_SIDE = 299
#: LPIPS: what is taken off pixels in [-1, 1], and what they are divided by.
_SHIFT, _SPREAD = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)
_LPIPS_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")


def _weights_of(network: str, measure: str, files: Mapping[str, str], download: bool) -> str | None:
    """Return the file of a network's weights; None where Keras is to download them."""
    if network in files:
        path = user_path(files[network])
        if not path.is_file():
            raise RequestError(f"--feature_weights: {network}: no file {path}")
        return str(path)
    if download and network == "inception":
        return None
    may = " or --allow_download" if network == "inception" else ""
    raise RequestError(f"--metrics={measure} needs the weights of {NETWORKS[network]}: give --feature_weights={network}=FILE{may}")


class Inception:
    """InceptionV3's view of images.

    Args:
        measure: whom it is for, in messages.
        files: network -> file of weights.
        download: Keras may fetch what no file is given of.

    Raises:
        RequestError: no weights, or they do not fit.
        VisionfwError: the download failed.
    """

    def __init__(self, measure: str, files: Mapping[str, str], download: bool = False):
        file = _weights_of("inception", measure, files, download)
        try:
            model = keras.applications.InceptionV3(weights=file or "imagenet")
        except Exception as error:
            if file is None:
                raise VisionfwError(f"InceptionV3's weights could not be downloaded: {brief(error)}") from error
            raise RequestError(f"--feature_weights: inception={file}: does not fit InceptionV3 with its top: {brief(error)}") from error
        self._model = keras.Model(model.input, [model.get_layer("avg_pool").output, model.output])

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features (2048,) and class probabilities (1000,) of a uint8 RGB image, resized to 299 x 299."""
        x = keras.ops.image.resize(image[None].astype(np.float32), (_INCEPTION_SIDE, _INCEPTION_SIDE), interpolation="bilinear")
        features, classes = self._model(x / 127.5 - 1.0, training=False)
        return keras.ops.convert_to_numpy(features)[0], keras.ops.convert_to_numpy(classes)[0]


class Lpips:
    """LPIPS on VGG16, 0 for equal images.

    Args:
        files: network -> file of weights: vgg16 (PyTorch's) and lpips.

    Raises:
        RequestError: no weights, or they do not fit.

    Reference: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
    """

    def __init__(self, files: Mapping[str, str]):
        network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
        file = read_weights(Path(_weights_of("vgg16", "lpips", files, False)))
        convolutions = {key: values for key, values in file.arrays.items() if not key.startswith("classifier")}
        assign(network, type(file)(file.path, file.layout, convolutions))
        self._model = keras.Model(network.input, [network.get_layer(name).output for name in _LPIPS_LAYERS])
        linear = read_weights(Path(_weights_of("lpips", "lpips", files, False)))
        self._weights = [values.astype(np.float32).ravel() for key, values in sorted(linear.arrays.items()) if key.startswith("lin")]
        depths = [output.shape[-1] for output in self._model.outputs]
        if [len(values) for values in self._weights] != depths:
            raise RequestError(f"--feature_weights: lpips={linear.path}: holds {[len(values) for values in self._weights]} weights, VGG16's layers {depths}")

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the distance of two uint8 RGB images of one size."""
        pair = np.stack([a, b]).astype(np.float32) / 127.5 - 1.0
        distance = 0.0
        for features, weights in zip(self._model((pair - _SHIFT) / _SPREAD, training=False), self._weights, strict=True):
            features = keras.ops.convert_to_numpy(features)
            units = features / (np.sqrt(np.square(features).sum(axis=-1, keepdims=True)) + 1e-10)
            distance += float((np.square(units[0] - units[1]) @ weights).mean())
        return distance
