"""InceptionV3's features of images, by which sets of images are compared."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.metrics.feature_weights import find_weights

_SIDE = 299  # pixels


class Inception:
    """Computes features and class probabilities by Keras' InceptionV3.

    Args:
        files: weight files by network, of which "inception" is used.
        allow_download: whether Keras may download the weights where no file is named.
        needed_by: what needs the network, as the user wrote it, for messages.

    Raises:
        RequestError: there are no weights, or they do not fit.
        VisionfwError: the download failed.
    """

    def __init__(self, files: Mapping[str, str], allow_download: bool = False, needed_by: str = "InceptionV3"):
        file = find_weights("inception", needed_by, files, allow_download)
        try:
            model = keras.applications.InceptionV3(weights=file or "imagenet")
        except Exception as error:
            if file is None:
                raise VisionfwError(f"InceptionV3's weights could not be downloaded: {brief(error)}") from error
            raise RequestError(f"--feature_weights: inception={file}: does not fit InceptionV3 with its top: {brief(error)}") from error
        self._model = keras.Model(model.input, [model.get_layer("avg_pool").output, model.output])

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the features and class probabilities of an image.

        Args:
            image: (height, width, 3) uint8 RGB; it is resized to 299 x 299.

        Returns:
            features, (2048,) float32; class probabilities, (1000,) float32.
        """
        x = keras.ops.image.resize(image[None].astype(np.float32), (_SIDE, _SIDE), interpolation="bilinear")
        features, classes = self._model(x / 127.5 - 1.0, training=False)
        return keras.ops.convert_to_numpy(features)[0], keras.ops.convert_to_numpy(classes)[0]
