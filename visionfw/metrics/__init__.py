"""Image quality metrics. `METRICS` is the table of everything that `--metrics` can name; `FEATURE_NETWORKS` of the networks they need.

`arrays` and `detail` compute on NumPy images, the reference; `tensors` computes the same on keras.ops, for losses and the training step.
A new metric is a function and one entry here; `vf.register_metric` adds one from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visionfw.errors import RequestError, some, unknown
from visionfw.registry import Entry, Registry, Spec

#: What a metric of one image can take, in any order.
IMAGE_INPUTS = {
    "sr": "the model's image as the protocol compares it: (height, width) luma or (height, width, 3) RGB float64 in 0..255, without the border",
    "hr": "the reference, likewise",
    "sr_downscaled": "the model's image downscaled by bicubic to the LR size, likewise but with its border",
    "lr": "the LR image, of the size of sr_downscaled",
    "sr_rgb": "the model's whole image, (height, width, 3) uint8",
    "hr_rgb": "the whole reference, (height, width, 3) uint8",
    "scale": "the model's scale, an integer",
}
#: What a metric of a set of images can take, in any order: outputs of its feature network for all images.
SET_INPUTS = {
    "sr_features": "features of the model's images, (images, features)",
    "hr_features": "features of the references, (images, features)",
    "sr_classes": "class probabilities of the model's images, (images, classes)",
}


@dataclass(frozen=True, kw_only=True)
class MetricEntry(Entry):
    """A metric that `--metrics` can name.

    Attributes:
        title: heading of its column in reports; the name unless given.
        digits: digits after the point in reports.
        higher_is_better: None where neither is.
        inputs: what the function is called with, from IMAGE_INPUTS, or from SET_INPUTS for a metric of a whole set.
        networks: feature networks whose weights it needs. A metric of a set has one, which computes its inputs.
        is_factory: the target is called once, as target(files, allow_download) with the weights of its networks, and returns the function.
        package: third-party package that the function imports; "" for none.
        is_standard: the protocol computes it for every image, whether or not it is named.
    """

    title: str = ""
    digits: int = 4
    higher_is_better: bool | None = True
    inputs: Sequence[str] = ("sr", "hr")
    networks: Sequence[str] = ()
    is_factory: bool = False
    package: str = ""
    is_standard: bool = False

    @property
    def heading(self) -> str:
        """The heading of its column in reports."""
        return self.title or self.name

    @property
    def scope(self) -> str:
        """What it needs: "image" for a pair of images, "lr" for the LR image too, "set" for all images of a set."""
        if any(name in SET_INPUTS for name in self.inputs):
            return "set"
        return "lr" if "lr" in self.inputs else "image"

    @property
    def summary(self) -> str:
        """Its line in a list."""
        direction = {True: "higher is better", False: "lower is better", None: ""}[self.higher_is_better]
        return "; ".join(part for part in (super().summary, direction) if part)


@dataclass(frozen=True, kw_only=True)
class FeatureNetworkEntry(Entry):
    """A network whose features are compared, and whose weights come from a file. The target is the class that computes with them.

    Attributes:
        is_downloadable: Keras can download the weights.
    """

    is_downloadable: bool = False


def _on_arrays(name: str, title: str, help: str, **facts: Any) -> MetricEntry:
    return MetricEntry(name=name, title=title, target=f"visionfw.metrics.arrays:{name}", help=help, **facts)


def _of_detail(name: str, help: str, **facts: Any) -> MetricEntry:
    return MetricEntry(name=name, target=f"visionfw.metrics.detail:{name}", help=help, **facts)


def _of_set(name: str, title: str, help: str, inputs: Sequence[str] = ("hr_features", "sr_features"), **facts: Any) -> MetricEntry:
    target = f"visionfw.metrics.distributions:{name}"
    return MetricEntry(name=name, title=title, target=target, help=help, inputs=inputs, networks=("inception",), **facts)


METRICS: Registry[MetricEntry] = Registry(
    "metric",
    [
        _on_arrays("psnr", "PSNR", "peak signal-to-noise ratio, dB (always computed)", digits=3, is_standard=True),
        _on_arrays("ssim", "SSIM", "structural similarity with an 11 x 11 Gaussian window (always computed)", is_standard=True),
        _on_arrays("ms_ssim", "MS-SSIM", "structural similarity over five scales"),
        _on_arrays("mse", "MSE", "mean squared error, levels of 0..255", digits=2, higher_is_better=False),
        _on_arrays("mae", "MAE", "mean absolute error, levels of 0..255", digits=3, higher_is_better=False),
        _of_detail("entropy", "Shannon entropy of the model's image, bits", digits=3, higher_is_better=None, inputs=("sr",)),
        _of_detail("high_frequencies", "energy of fine detail over the reference's: 1 for as much of it, less for blur", higher_is_better=None),
        _of_detail(
            "checkerboard",
            "fine detail at the strongest position of the upsampling grid over the median: near 1 without a checkerboard",
            higher_is_better=False,
            inputs=("sr", "scale"),
        ),
        MetricEntry(
            name="lr_psnr",
            title="LR-PSNR",
            target="visionfw.metrics.arrays:psnr",
            help="PSNR of the model's image, downscaled by bicubic, against the LR image, dB",
            digits=3,
            inputs=("sr_downscaled", "lr"),
        ),
        MetricEntry(
            name="vif",
            title="VIF",
            target="visionfw.metrics.vif:vif",
            help="visual information fidelity in the pixel domain, by torchmetrics (pip install 'visionfw[quality]')",
            package="torchmetrics",
        ),
        MetricEntry(
            name="lpips",
            title="LPIPS",
            target="visionfw.metrics.lpips:Lpips",
            help="learned perceptual distance on VGG16, with weights from --feature_weights",
            higher_is_better=False,
            inputs=("sr_rgb", "hr_rgb"),
            networks=("vgg16", "lpips"),
            is_factory=True,
        ),
        _of_set("fid", "FID", "Frechet distance between the features of two sets, with weights from --feature_weights", digits=2, higher_is_better=False),
        _of_set("kid", "KID", "kernel distance between the same features", digits=5, higher_is_better=False),
        _of_set("inception_score", "IS", "inception score of the model's images", inputs=("sr_classes",)),
        _of_set("precision", "precision", "fraction of the model's images that lie among the references, by the same features"),
        _of_set("recall", "recall", "fraction of the references that lie among the model's images, by the same features"),
    ],
    MetricEntry,
)

FEATURE_NETWORKS: Registry[FeatureNetworkEntry] = Registry(
    "feature network",
    [
        FeatureNetworkEntry(
            name="inception",
            target="visionfw.metrics.inception:Inception",
            help="InceptionV3 of ImageNet, Keras' file with its top (FID, KID, inception score, precision, recall)",
            is_downloadable=True,
        ),
        FeatureNetworkEntry(name="vgg16", target="visionfw.metrics.lpips:Lpips", help="VGG16 of ImageNet as PyTorch has it, vgg16-397923af.pth (LPIPS)"),
        FeatureNetworkEntry(
            name="vgg19",
            target="visionfw.metrics.vgg19:Vgg19",
            help="VGG19 of ImageNet, PyTorch's vgg19-dcbb9e9d.pth or Keras' own .h5 file (the loss vgg)",
            is_downloadable=True,
        ),
        FeatureNetworkEntry(name="lpips", target="visionfw.metrics.lpips:Lpips", help="LPIPS' linear weights for VGG16, its file vgg.pth"),
    ],
    FeatureNetworkEntry,
)


def parse_metrics(text: str, flag: str = "metrics") -> tuple[Spec, ...]:
    """Parse metrics joined by commas, each NAME or NAME:OPTION=VALUE,...: "psnr,ssim,fid".

    A part with '=' and without ':' is a further option of the metric before it.

    Args:
        text: what the user wrote.
        flag: the flag that it was written for, for messages.

    Returns:
        The metrics in their order.

    Raises:
        RequestError: an unknown name, a metric given twice, or a wrong option; all problems are reported.
    """
    problems: list[str] = []
    specs = [spec for part in _split_metrics(text) if (spec := METRICS.read(part, problems)) is not None]
    names = [spec.name for spec in specs]
    problems += [f"{name} is given twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return tuple(specs)


def _split_metrics(text: str) -> list[str]:
    """Split at the commas before a name, not at those between the options of a metric."""
    metrics: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if metrics and "=" in part and ":" not in part.partition("=")[0]:
            metrics[-1] += f",{part}"
        else:
            metrics.append(part)
    return metrics


def parse_feature_weights(text: str, flag: str = "feature_weights") -> dict[str, str]:
    """Parse weight files of feature networks, 'inception=FILE,vgg16=FILE', into a dictionary from network to file.

    Raises:
        RequestError: a part is not NETWORK=FILE, the network is unknown, or one is given twice; all problems are reported.
    """
    files: dict[str, str] = {}
    problems = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, file = (word.strip() for word in part.partition("="))
        if not equals or not file:
            problems.append(f"{part!r} is not NETWORK=FILE")
        elif name not in FEATURE_NETWORKS:
            problems.append(unknown(FEATURE_NETWORKS.kind, name, FEATURE_NETWORKS))
        elif name in files:
            problems.append(f"{name} is given twice")
        files[name] = file
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return files


def register_metric(
    target: Any = None,
    *,
    name: str | None = None,
    help: str | None = None,
    title: str = "",
    digits: int = 4,
    higher_is_better: bool | None = True,
    inputs: Sequence[str] = ("sr", "hr"),
) -> Any:
    """Add a metric that `--metrics` can name (decorator, with or without arguments).

    Args:
        target: a function (sr, hr, *, options) -> float. `sr` and `hr` are the model's image and the reference as the evaluation protocol
            compares them: float64 arrays in 0..255, (height, width) of luma or (height, width, 3) of RGB, by the model and --channel,
            without the border that is cropped. `sr` holds whole numbers; luma of an RGB model's image is not rounded. Keyword-only
            arguments with a number, a bool or a text as default are options. It is called once for every test image; the report holds
            the values and their mean over each set.
        name: what users write; the function's name unless given.
        help: a line for `--list`; the first line of the docstring unless given.
        title: heading of its column in reports; the name unless given.
        digits: digits after the point in reports.
        higher_is_better: None where neither is.
        inputs: what the function is called with instead of sr and hr, from `visionfw.metrics.IMAGE_INPUTS`.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken, an input is unknown, or the target is not callable.

    Example:
        ```python
        @vf.register_metric(higher_is_better=False)
        def worst_error(sr, hr, *, power=1.0):
            return float(np.abs(sr - hr).max() ** power)

        # --metrics=psnr,worst_error:power=2
        ```
    """
    facts: dict[str, Any] = {"title": title, "digits": digits, "higher_is_better": higher_is_better, "inputs": tuple(inputs)}
    if target is None:
        return lambda target: register_metric(target, name=name, help=help, **facts)
    problems = [unknown("input", wrong, IMAGE_INPUTS) for wrong in inputs if wrong not in IMAGE_INPUTS]
    if problems:
        raise RequestError(f"register_metric: {some(problems)}")
    return METRICS.register(target, name=name, help=help, **facts)
