"""A benchmark, or images to enlarge, as a frozen record; and the measures that can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionfw.config.checks import PRECISIONS, at_least, choices, problems_of, refuse
from visionfw.diffusion.noise_schedule import TARGETS, read_noise_schedule
from visionfw.errors import RequestError, unknown
from visionfw.metrics.feature_weights import read_feature_weights

METRICS = {
    "psnr": "peak signal-to-noise ratio, dB (always there)",
    "ssim": "structural similarity, Gaussian window of 11 x 11 (always there)",
    "ms_ssim": "structural similarity over five scales",
    "mse": "mean squared error, levels of 0..255",
    "mae": "mean absolute error, levels of 0..255",
    "entropy": "of the made image's levels, bits",
    "high_frequencies": "energy of the made image's fine detail over the original's: 1 for as much of it, less for blur",
    "checkerboard": "the made image's detail on the grid place of scale x scale pixels that has most, over the median: near 1 without a checkerboard",
    "consistency": "PSNR of the made image, shrunk again, against the LR image, dB",
    "vif": "visual information fidelity in the pixel domain, by torchmetrics (pip install 'visionfw[quality]')",
    "lpips": "learned perceptual distance on VGG16, from --feature_weights",
    "fid": "Frechet distance of the set's images on InceptionV3, from --feature_weights",
    "kid": "kernel distance of the same features",
    "inception_score": "inception score of the made images",
    "precision": "share of made images among the real ones, on the same features",
    "recall": "share of real images among the made ones",
}
CHANNELS = {"y": "luma alone, as the field compares", "rgb": "all three channels"}
#: Fields of a request that a diffusion model must be drawn with as it was trained.
TRAINED = ("noise_schedule", "noise_target")
SAMPLING = {"ddim": "along the noise that the network sees; only the first noise is drawn", "ddpm": "ancestral: new noise at every step"}
REPORTS = (".html", ".md", ".csv", ".json")


@dataclass(frozen=True)
class EvaluateRequest:
    """A benchmark of one model, or images to enlarge with it.

    Attributes:
        run: run directory; None where `model` and `weights` say what to evaluate.
        model: name or file of the architecture.
        model_args: arguments of the model's function.
        weights: file of its weights.
        weight_names: JSON file that maps our layers' names to the prefixes of the file's keys.
        interpolate: RUN:SHARE, another run of the same model, and its share in weights that lie between the two; None for the run's own.
        scale: SR size / LR size; None for the run's own.
        test_data: names of image sets, joined by commas.
        data_root: folder that names are looked up in.
        degradation: how LR images are made; None for the run's own, or bicubic; 'novel' for bicubic at twice the model's scale.
        degradation_seed: of what is random in it; None for the run's own, or 0.
        channel: what is compared: a name from CHANNELS.
        crop: pixels left out on each side; None for the scale.
        metrics: names from METRICS, joined by commas.
        feature_weights: as `feature_weights.read_feature_weights` reads it.
        allow_download: Keras may fetch weights of feature networks.
        images: files and folders to enlarge, joined by commas; no references are needed.
        out: folder for enlarged images.
        overwrite: make anew what is in `out`.
        tile: side of a tile in LR pixels; None for as large as the memory allows, 0 for the whole image.
        self_ensemble: the mean over eight turned and mirrored images.
        sampling: how a diffusion model takes noise off: a name from SAMPLING.
        sampling_steps: looks at each image.
        samples: images drawn of each LR image, whose figures' mean and spread are told.
        seed: of their noise.
        noise_schedule, noise_target: how a diffusion model was trained whose weights come without a run; None for train.py's defaults.
        report: files to write the table to as well, joined by commas: .html, .md, .csv or .json.
        precision: of the forward pass.
    """

    run: str | None = None
    model: str | None = None
    model_args: tuple[tuple[str, Any], ...] = ()
    weights: str | None = None
    weight_names: str | None = None
    interpolate: str | None = None
    scale: int | None = None
    test_data: str = "embedded/test"
    data_root: str | None = None
    degradation: str | None = None
    degradation_seed: int | None = None
    channel: str = "y"
    crop: int | None = None
    metrics: str = "psnr,ssim"
    feature_weights: str = ""
    allow_download: bool = False
    images: str | None = None
    out: str | None = None
    overwrite: bool = False
    tile: int | None = None
    self_ensemble: bool = False
    sampling: str = "ddim"
    sampling_steps: int = 50
    samples: int = 1
    seed: int = 0
    noise_schedule: str | None = None
    noise_target: str | None = None
    report: str | None = None
    precision: str = "float32"

    @property
    def reports(self) -> tuple[str, ...]:
        """The files that a report is written to."""
        return tuple(filter(None, (part.strip() for part in (self.report or "").split(","))))

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of what is measured."""
        return tuple(filter(None, (part.strip() for part in self.metrics.split(","))))

    def __post_init__(self) -> None:
        problems = choices(self, {"precision": PRECISIONS, "channel": CHANNELS, "sampling": SAMPLING}) + problems_of(read_feature_weights, self.feature_weights)
        problems += at_least(self, 1, ("scale", "sampling_steps", "samples")) + at_least(self, 0, ("degradation_seed", "crop", "tile", "seed"))
        problems += [f"--metrics: {unknown('metric', name, METRICS)}" for name in self.measures if name not in METRICS]
        if self.run is not None and (self.model is not None or self.weights is not None or self.model_args):
            problems.append("--run brings its own model and weights; give --run alone, or --model with --weights")
        if self.run is None and (self.model is None or self.weights is None):
            problems.append("what is to be evaluated? give --run=DIR, or --model=NAME with --weights=FILE")
        if self.weight_names is not None and self.weights is None:
            problems.append("--weight_names belongs to --weights")
        if self.interpolate is not None:
            problems += problems_of(read_interpolation, self.interpolate)
            problems += [] if self.run is not None else ["--interpolate belongs to --run"]
        problems += problems_of(read_noise_schedule, self.noise_schedule) if self.noise_schedule is not None else []
        problems += choices(self, {"noise_target": TARGETS}) if self.noise_target is not None else []
        problems += [f"--{name} belongs to --weights: a run says itself how it was trained" for name in TRAINED if self.run is not None and getattr(self, name)]
        if self.images is not None and not self.out:
            problems.append("--images: name the folder for what is made of them with --out=DIR")
        if self.images is not None and self.report:
            problems.append("--report belongs to --test_data: images without references have no figures")
        if self.images is not None and self.samples > 1:
            problems.append("--samples belongs to --test_data: of --images one is drawn, another with another --seed")
        if self.overwrite and self.images is None:
            problems.append("--overwrite belongs to --images")
        problems += [f"--report: a report ends in {', '.join(REPORTS)}, not {file!r}" for file in self.reports if not file.lower().endswith(REPORTS)]
        refuse(problems)


def read_interpolation(text: str) -> tuple[str, float]:
    """Read RUN:SHARE, the share from 0 to 1. Raises RequestError."""
    run, colon, share = text.rpartition(":")
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not colon or not run or not 0 <= value <= 1:
        raise RequestError(f"--interpolate={text}: is not RUN:SHARE with a share from 0 to 1, such as runs/edsr_small_x4-1:0.5")
    return run, value
