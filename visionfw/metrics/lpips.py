"""LPIPS, a learned perceptual distance on VGG16's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from visionfw.errors import RequestError
from visionfw.metrics.feature_weights import find_weights
from visionfw.weights.assign import assign
from visionfw.weights.files import WeightFile, read_weights

#: The published shift and scale of pixels in [-1, 1].
_SHIFT, _SCALE = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)
_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
_EPSILON = 1e-10


class Lpips:
    """The distance between two images, 0 where they are equal.

    Args:
        files: weight files by network, of which "vgg16" (PyTorch's) and "lpips" are used.
        allow_download: without effect, because Keras has neither of these weights.

    Raises:
        RequestError: there are no weights, or they do not fit.

    Reference: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
    """

    def __init__(self, files: Mapping[str, str], allow_download: bool = False):
        network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
        file = _read("vgg16", files)
        assign(network, replace(file, arrays={key: array for key, array in file.arrays.items() if not key.startswith("classifier")}))
        self._model = keras.Model(network.input, [network.get_layer(name).output for name in _LAYERS])
        self._weights = self._read_linear(_read("lpips", files))

    def _read_linear(self, file: WeightFile) -> list[np.ndarray]:
        """Return the weights of every layer's channels, (channels,) float32 each."""
        weights = [array.astype(np.float32).ravel() for key, array in sorted(file.arrays.items()) if key.startswith("lin")]
        sizes, depths = [len(array) for array in weights], [output.shape[-1] for output in self._model.outputs]
        if sizes != depths:
            raise RequestError(f"--feature_weights: lpips={file.path}: has {sizes} weights, but VGG16's layers have {depths} channels")
        return weights

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the distance between two (height, width, 3) uint8 RGB images of one size."""
        pair = np.stack([a, b]).astype(np.float32) / 127.5 - 1.0
        distance = 0.0
        for features, weights in zip(self._model((pair - _SHIFT) / _SCALE, training=False), self._weights, strict=True):
            features = keras.ops.convert_to_numpy(features)
            units = features / (np.sqrt(np.square(features).sum(axis=-1, keepdims=True)) + _EPSILON)
            distance += float((np.square(units[0] - units[1]) @ weights).mean())
        return distance


def _read(network: str, files: Mapping[str, str]) -> WeightFile:
    return read_weights(Path(str(find_weights(network, "--metrics=lpips", files))))
