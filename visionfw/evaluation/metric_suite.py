"""Computes the metrics of a benchmark that are named besides PSNR and SSIM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec

import numpy as np

from visionfw.errors import RequestError
from visionfw.evaluation.protocol import EvalImage
from visionfw.imaging.resize import imresize
from visionfw.metrics import FEATURE_NETWORKS, METRICS, parse_metrics
from visionfw.registry import Spec

#: The metric that says whether a generative model's image agrees with its LR image.
_GENERATIVE_METRIC = "lr_psnr"


def for_generative_model(specs: Sequence[Spec]) -> tuple[Spec, ...]:
    """Return the metrics with LR-PSNR among them: PSNR and SSIM alone do not do justice to a model that draws samples."""
    return tuple(specs) if any(spec.name == _GENERATIVE_METRIC for spec in specs) else (*specs, *parse_metrics(_GENERATIVE_METRIC))


class MetricSuite:
    """Computes metrics, image by image and, for those that compare whole sets, set by set.

    Args:
        specs: the metrics, as `parse_metrics` returns them; those that the protocol computes itself are left out.
        feature_weights: weight files of feature networks by name.
        allow_download: whether Keras may download weights that no file is named for.

    Raises:
        RequestError: a metric needs weights or a package that is not there.
    """

    def __init__(self, specs: Sequence[Spec], feature_weights: Mapping[str, str] | None = None, allow_download: bool = False):
        self._weights = (feature_weights or {}, allow_download)
        self._entries = {spec.name: METRICS.get(spec.name) for spec in specs if not METRICS.get(spec.name).is_standard}
        self._functions = {spec.name: self._load(spec) for spec in specs if spec.name in self._entries}
        self._features = {network: self._load_network(network, name) for network, name in self._set_networks().items()}

    def _load(self, spec: Spec) -> Callable[..., float]:
        """Return a metric's function of its inputs."""
        entry = self._entries[spec.name]
        if entry.package and find_spec(entry.package) is None:
            raise RequestError(f"--metrics={spec.name} needs {entry.package}: pip install 'visionfw[quality]'")
        function = entry.load()(*self._weights) if entry.is_factory else entry.load()
        return partial(function, **spec.options)

    def _set_networks(self) -> dict[str, str]:
        """Return the networks whose features are compared between sets, each with the first metric that needs it."""
        needed: dict[str, str] = {}
        for name, entry in self._entries.items():
            for network in entry.networks if entry.scope == "set" else ():
                needed.setdefault(network, name)
        return needed

    def _load_network(self, network: str, metric: str) -> _SetFeatures:
        return _SetFeatures(FEATURE_NETWORKS.load(network)(*self._weights, needed_by=f"--metrics={metric}"))

    def measure_image(self, image: EvalImage, sr: np.ndarray) -> dict[str, float]:
        """Return the metrics of one image by name, and remember what those of its set need.

        Args:
            image: the test image.
            sr: the model's uint8 image, as `EvalImage.to_uint8` returns it.

        Raises:
            RequestError: the image is too small for a metric.
        """
        inputs = _ImageInputs(image, sr)
        values = {name: self._call(name, inputs) for name, entry in self._entries.items() if entry.scope != "set"}
        for features in self._features.values():
            features.add(inputs.sr_rgb, inputs.hr_rgb)
        return values

    def measure_set(self) -> dict[str, float]:
        """Return the metrics of all images since the last call, by name. Raises RequestError where they are too few."""
        try:
            sets = {name: entry for name, entry in self._entries.items() if entry.scope == "set"}
            return {name: self._call(name, self._features[entry.networks[0]]) for name, entry in sets.items()}
        finally:
            for features in self._features.values():
                features.clear()

    def _call(self, name: str, inputs: _ImageInputs | _SetFeatures) -> float:
        return float(self._functions[name](*(getattr(inputs, key) for key in self._entries[name].inputs)))


class _ImageInputs:
    """What metrics of one image take: an attribute for every name in IMAGE_INPUTS, computed when it is needed."""

    def __init__(self, image: EvalImage, sr: np.ndarray):
        self._image, self._sr = image, sr

    def _without_border(self, image: np.ndarray) -> np.ndarray:
        border = self._image.protocol.border
        return image[border : image.shape[0] - border, border : image.shape[1] - border]

    @cached_property
    def sr(self) -> np.ndarray:
        return self._without_border(self._image.select_channel(self._sr))

    @cached_property
    def hr(self) -> np.ndarray:
        return self._without_border(self._image.reference)

    @cached_property
    def sr_downscaled(self) -> np.ndarray:
        return self._image.select_channel(imresize(self._sr, 1 / self._image.protocol.factor))

    @cached_property
    def lr(self) -> np.ndarray:
        return self._image.lr_reference

    @cached_property
    def sr_rgb(self) -> np.ndarray:
        return self._image.to_rgb(self._sr)

    @property
    def hr_rgb(self) -> np.ndarray:
        return self._image.hr

    @property
    def scale(self) -> int:
        return self._image.protocol.scale


class _SetFeatures:
    """What metrics of a set take: an attribute for every name in SET_INPUTS.

    Args:
        network: (height, width, 3) uint8 RGB -> (features, class probabilities).
    """

    def __init__(self, network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]):
        self._network = network
        self._rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, sr_rgb: np.ndarray, hr_rgb: np.ndarray) -> None:
        """Compute and keep the features of one image and its reference."""
        self._rows.append((*self._network(sr_rgb), self._network(hr_rgb)[0]))

    def clear(self) -> None:
        """Forget all images."""
        self._rows.clear()

    @property
    def sr_features(self) -> np.ndarray:
        return np.stack([features for features, _, _ in self._rows])

    @property
    def sr_classes(self) -> np.ndarray:
        return np.stack([classes for _, classes, _ in self._rows])

    @property
    def hr_features(self) -> np.ndarray:
        return np.stack([features for _, _, features in self._rows])
