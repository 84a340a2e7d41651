"""VGG19's features of images as tensors, for perceptual losses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras

from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.metrics.feature_weights import find_weights
from visionfw.numerics import Tensor
from visionfw.weights.assign import assign
from visionfw.weights.files import read_weights

#: PyTorch's weights expect RGB in [0, 1], standardized by these; Keras' expect BGR levels minus a mean.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEAN = (103.939, 116.779, 123.68)
_DENSE = re.compile(r"classifier|fc\d|predictions")


class Vgg19:
    """A layer of VGG19 as a function of images.

    Args:
        layer: convN_M before or reluN_M after the activation.
        files: weight files by network, of which "vgg19" is used.
        allow_download: whether Keras may download the weights where no file is named.

    Raises:
        RequestError: there are no weights, or they do not fit.
        VisionfwError: the download failed.

    Reference: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015.
    """

    def __init__(self, layer: str, files: Mapping[str, str], allow_download: bool = False):
        file = find_weights("vgg19", "--loss=vgg", files, allow_download)
        self._is_pytorch = False
        network = _downloaded() if file is None else self._read(Path(file))
        self._model = keras.Model(network.input, _output_of(network, layer))
        self._model.trainable = False

    def _read(self, path: Path) -> keras.Model:
        network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
        file = read_weights(path)
        convolutions = {key: array for key, array in file.arrays.items() if not _DENSE.search(key)}
        warnings = assign(network, replace(file, arrays=convolutions))
        if warnings:
            raise RequestError(f"--feature_weights: vgg19={path}: is not VGG19 as it was published: {warnings[0]}")
        self._is_pytorch = file.layout == "pytorch"
        return network

    def __call__(self, images: Tensor) -> Tensor:
        """Return the features, (batch, height, width, channels), of (batch, height, width, 3) RGB images in [0, 1]."""
        if self._is_pytorch:
            mean, deviation = (keras.ops.convert_to_tensor(values, "float32") for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION))
            images = (images - mean) / deviation
        else:
            images = keras.ops.flip(images, axis=-1) * 255.0 - keras.ops.convert_to_tensor(_BGR_MEAN, "float32")
        return self._model(images, training=False)


def _output_of(network: keras.Model, layer: str) -> Tensor:
    """Return the output of a layer of VGG19, before its activation where the name begins with "conv"."""
    block, _, number = layer.removeprefix("conv").removeprefix("relu").partition("_")
    activated = network.get_layer(f"block{block}_conv{number}")
    if not layer.startswith("conv"):
        return activated.output
    linear = keras.layers.Conv2D(activated.filters, activated.kernel_size, padding="same", name=f"{activated.name}_linear")
    output = linear(activated.input)
    linear.set_weights(activated.get_weights())
    return output


def _downloaded() -> keras.Model:
    try:
        return keras.applications.VGG19(include_top=False, weights="imagenet", input_shape=(None, None, 3))
    except Exception as error:
        raise VisionfwError(f"VGG19's weights could not be downloaded: {brief(error)}") from error
