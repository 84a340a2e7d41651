"""What can be measured beside PSNR and SSIM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from visionfw.evaluation.protocol import EvalImage
from visionfw.metrics import arrays, distributions
from visionfw.metrics.features import Inception, Lpips
from visionfw.metrics.fidelity import visual_information_fidelity

_BY_PAIR = {"ms_ssim": arrays.ms_ssim, "mse": arrays.mse, "mae": arrays.mae, "high_frequencies": arrays.high_frequencies}
_OF_SETS = ("fid", "kid", "inception_score", "precision", "recall")


class MetricSuite:
    """Computes figures by name, image by image and, for those that compare whole sets, set by set.

    Args:
        names: from `config.METRICS`; 'psnr' and 'ssim' are always there.
        feature_weights: network -> file of its weights.
        download: Keras may fetch weights that no file is given of.

    Raises:
        RequestError: a measure needs weights or a library that is not there.
    """

    def __init__(self, names: Sequence[str], feature_weights: Mapping[str, str] | None = None, download: bool = False):
        self.names = [name for name in names if name not in ("psnr", "ssim")]
        files = feature_weights or {}
        of_sets = [name for name in self.names if name in _OF_SETS]
        self._inception = Inception(of_sets[0], files, download) if of_sets else None
        self._lpips = Lpips(files) if "lpips" in self.names else None
        self._vif = visual_information_fidelity() if "vif" in self.names else None
        self._seen: list[tuple] = []

    def of_image(self, case: EvalImage, levels: np.ndarray) -> dict[str, float]:
        """Return the figures of one image's uint8 levels; remembers what the set's figures need."""
        made, reference, border = case.compared(levels), case.reference, case.protocol.border
        figures = {}
        for name in self.names:
            if name in _BY_PAIR:
                figures[name] = _BY_PAIR[name](made, reference, border)
            elif name == "entropy":
                figures[name] = arrays.entropy(made, border)
            elif name == "checkerboard":
                figures[name] = arrays.checkerboard(made, case.protocol.scale, border)
            elif name == "consistency":
                figures[name] = case.consistency(levels)
            elif name == "vif":
                figures[name] = self._vif(*(image[border : len(image) - border, border : image.shape[1] - border] for image in (made, reference)))
            elif name == "lpips":
                figures[name] = self._lpips(case.pictured(levels), case.hr)
        if self._inception:
            self._seen.append((self._inception(case.hr)[0], *self._inception(case.pictured(levels))))
        return figures

    def of_set(self) -> dict[str, float]:
        """Return the figures of all images since the last call."""
        if not self._inception:
            return {}
        real, made, classes = (np.stack(column) for column in zip(*self._seen, strict=True))
        self._seen.clear()
        figures = {}
        for name in self.names:
            if name in ("fid", "kid"):
                figures[name] = getattr(distributions, name)(real, made)
            elif name == "inception_score":
                figures[name] = distributions.inception_score(classes)
            elif name in ("precision", "recall"):
                figures[name] = distributions.precision_recall(real, made)[name == "recall"]
        return figures
