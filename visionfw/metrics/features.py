"""Features of networks that were trained elsewhere: for LPIPS, distances between sets of images, and the perceptual loss.

The networks are Keras' own; their weights come from files that the user names, or are downloaded by Keras where the user allows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.io.paths import user_path
from visionfw.metrics.feature_weights import NETWORKS
from visionfw.weights.assign import assign
from visionfw.weights.files import read_weights

_INCEPTION_SIDE = 299
#: LPIPS: what is taken off pixels in [-1, 1], and what they are divided by.
_SHIFT, _SPREAD = np.array([-0.030, -0.088, -0.188], np.float32), np.array([0.458, 0.448, 0.450], np.float32)
_LPIPS_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")


#: What VGG19 reads: PyTorch's weights RGB in [0, 1] less a mean, over a deviation; Keras' BGR levels less a mean.
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LEVEL_MEAN = (103.939, 116.779, 123.68)
_DENSE = re.compile(r"classifier|fc\d|predictions")


def weights_of(network: str, asker: str, files: Mapping[str, str], download: bool) -> str | None:
    """Return the file of a network's weights; None where Keras is to download them.

    Args:
        network: from feature_weights.NETWORKS.
        asker: whom it is for, in messages.
        files: network -> file.
        download: Keras may fetch what no file is given of.

    Raises:
        RequestError: there is no such file, or none is given and nothing may be downloaded.
    """
    if network in files:
        path = user_path(files[network])
        if not path.is_file():
            raise RequestError(f"--feature_weights: {network}: no file {path}")
        return str(path)
    may_download = network in ("inception", "vgg19")
    if download and may_download:
        return None
    may = " or --allow_download" if may_download else ""
    raise RequestError(f"{asker} needs the weights of {NETWORKS[network]}: give --feature_weights={network}=FILE{may}")


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
        file = weights_of("inception", f"--metrics={measure}", files, download)
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
        file = read_weights(Path(weights_of("vgg16", "--metrics=lpips", files, False)))
        convolutions = {key: values for key, values in file.arrays.items() if not key.startswith("classifier")}
        assign(network, type(file)(file.path, file.layout, convolutions))
        self._model = keras.Model(network.input, [network.get_layer(name).output for name in _LPIPS_LAYERS])
        linear = read_weights(Path(weights_of("lpips", "--metrics=lpips", files, False)))
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


class Vgg19:
    """A layer of VGG19 as a function of images, in tensors, so that a loss can be made of it.

    Args:
        layer: convN_M before or reluN_M after the activation, as the loss vgg takes them.
        files: network -> file of weights: vgg19.
        download: Keras may fetch what no file is given of.

    Raises:
        RequestError: no weights, or they do not fit.
        VisionfwError: the download failed.

    Reference: Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015.
    """

    def __init__(self, layer: str, files: Mapping[str, str], download: bool = False):
        file = weights_of("vgg19", "--loss=vgg", files, download)
        self._is_torchs = False
        network = _downloaded_vgg19() if file is None else self._read(Path(file))
        block, _, number = layer.removeprefix("conv").removeprefix("relu").partition("_")
        last = network.get_layer(f"block{block}_conv{number}")
        output = last.output
        if layer.startswith("conv"):
            plain = keras.layers.Conv2D(last.filters, last.kernel_size, padding="same", name=f"{last.name}_plain")
            output = plain(last.input)
            plain.set_weights(last.get_weights())
        self._model = keras.Model(network.input, output)
        self._model.trainable = False

    def _read(self, path: Path) -> keras.Model:
        network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
        file = read_weights(path)
        convolutions = {key: values for key, values in file.arrays.items() if not _DENSE.search(key)}
        remarks = assign(network, type(file)(file.path, file.layout, convolutions, file.is_ordered))
        if remarks:
            raise RequestError(f"--feature_weights: vgg19={path}: is not VGG19 as it was published: {remarks[0]}")
        self._is_torchs = file.layout == "pytorch"
        return network

    def __call__(self, images):
        """Return the features, (batch, height, width, channels), of RGB images in [0, 1]."""
        if self._is_torchs:
            mean, deviation = (keras.ops.convert_to_tensor(values, "float32") for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION))
            images = (images - mean) / deviation
        else:
            images = keras.ops.flip(images, axis=-1) * 255.0 - keras.ops.convert_to_tensor(_LEVEL_MEAN, "float32")
        return self._model(images, training=False)


def _downloaded_vgg19() -> keras.Model:
    try:
        return keras.applications.VGG19(include_top=False, weights="imagenet", input_shape=(None, None, 3))
    except Exception as error:
        raise VisionfwError(f"VGG19's weights could not be downloaded: {brief(error)}") from error
