"""Configuration of a benchmark, or of upscaling images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.config import PRECISIONS, Config, Settled, section, setting
from visionfw.diffusion import SAMPLING, TARGETS, parse_noise_schedule
from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.errors import RequestError
from visionfw.graph.language.loader import parse_arguments
from visionfw.imaging.degradations import DegradationSpec, parse_degradation
from visionfw.metrics import parse_feature_weights, parse_metrics
from visionfw.registry import Spec

CHANNELS = {"y": "luma alone, as papers compare", "rgb": "all three channels"}
REPORTS = (".html", ".md", ".csv", ".json")


@dataclass(frozen=True)
class Interpolation:
    """Weights between those of two runs.

    Attributes:
        run: the other run's folder.
        fraction: of the way towards it, from 0 to 1.
    """

    run: str
    fraction: float

    def __str__(self) -> str:
        return f"{self.run}:{self.fraction:g}"


def parse_interpolation(text: str, flag: str = "interpolate") -> Interpolation:
    """Parse RUN:FRACTION, the fraction from 0 to 1. Raises RequestError."""
    run, colon, fraction = text.rpartition(":")
    try:
        value = float(fraction)
    except ValueError:
        value = -1.0
    if not colon or not run or not 0 <= value <= 1:
        raise RequestError(f"--{flag}={text}: must be RUN:FRACTION with a fraction from 0 to 1, such as runs/edsr_small_x4-1:0.5")
    return Interpolation(run, value)


def parse_reports(text: str, flag: str = "report") -> tuple[str, ...]:
    """Parse the files that a report is written to, joined by commas. Raises RequestError for another kind of file."""
    files = tuple(filter(None, (part.strip() for part in text.split(","))))
    problems = [f"--{flag}: a report ends in {', '.join(REPORTS)}, not {file!r}" for file in files if not file.lower().endswith(REPORTS)]
    if problems:
        raise RequestError("\n".join(problems))
    return files


@dataclass(frozen=True, kw_only=True)
class SubjectConfig(Config):
    """Which model is evaluated."""

    run: str | None = setting(None, "run directory of train.py, or 'latest' for the newest under runs/")
    model: Settled[str] = setting(None, "model of --weights: a name in model_defs/, or a .py or .json file")
    model_args: Mapping[str, Any] = setting({}, "arguments of the model's function: blocks=8,filters=32", parse=parse_arguments)
    weights: Settled[str] = setting(
        None, "weight file: PyTorch's .pth or .safetensors, which bring their architecture along; or, for --model, .weights.h5, .keras, .mat, .h5, .npz"
    )
    weight_names: str | None = setting(
        None, "which weights of the file belong to which layer: a JSON file {our layer: prefix of keys}; show prints the likeliest, auto takes it"
    )
    interpolate: Interpolation | None = setting(
        None, "RUN:FRACTION, another run of the same model: evaluate weights between the two, 0.5 for the middle", parse=parse_interpolation
    )
    scale: int | None = setting(None, "SR size / LR size", default_text="the run's own", minimum=1)

    def problems(self) -> Iterable[str]:
        if self.run is not None and (self.model is not None or self.weights is not None or self.model_args):
            yield "--run brings its own model and weights; give --run alone, or --model with --weights"
        if self.run is None and self.weights is None:
            yield "name what to evaluate: --run=DIR, or --weights=FILE, with --model=NAME where the file does not tell its architecture"
        if self.run is None and self.model is None and self.model_args:
            yield "--model_args belongs to --model"
        if self.run is None and self.model is None and self.weight_names is not None:
            yield "--weight_names belongs to --model"
        if self.weight_names is not None and self.weights is None:
            yield "--weight_names belongs to --weights"
        if self.interpolate is not None and self.run is None:
            yield "--interpolate belongs to --run"


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(Config):
    """What the model is measured on, and how."""

    test_data: str = setting("embedded/test", "image sets to test on: names or folders, joined by commas")
    data_root: str | None = setting(None, "folder in which image sets are looked up by name", default_text="$VISIONFW_DATA")
    degradation: DegradationSpec | None = setting(
        None,
        "how LR images are made, as for train.py; distorted blurs first, novel halves the LR size",
        default_text="the run's own, else bicubic",
        parse=parse_degradation,
    )
    degradation_seed: int | None = setting(None, "seed of the random parts of the degradation", default_text="the run's own, else 0", minimum=0)
    channel: str = setting("y", "what is compared: y for luma, or rgb", choices=CHANNELS)
    crop: int | None = setting(None, "pixels cropped from each side before comparing", default_text="the scale", minimum=0)
    metrics: tuple[Spec, ...] = setting(parse_metrics("psnr,ssim"), "metrics, joined by commas; see --list=metrics", parse=parse_metrics)
    feature_weights: Mapping[str, str] = setting(
        {}, "weight files of the networks behind lpips, fid, ...: inception=FILE,vgg16=FILE,lpips=FILE", parse=parse_feature_weights
    )
    allow_download: bool = setting(False, "let Keras download InceptionV3's weights where no file is given")
    report: tuple[str, ...] = setting((), f"files for the table and every image's values, joined by commas: {', '.join(REPORTS)}", parse=parse_reports)


@dataclass(frozen=True, kw_only=True)
class UpscaleConfig(Config):
    """Upscaling image files, and how images go through the model."""

    images: Settled[str] = setting(None, "image files and folders to upscale, joined by commas; no references are needed")
    out: Settled[str] = setting(None, "folder for the upscaled images, of --images or of the test sets")
    overwrite: bool = setting(False, "upscale again what --out already holds")
    tile: int | None = setting(
        None, "side of a tile in LR pixels; 0 for whole images", default_text="as large as memory allows; 32 for diffusion models", minimum=0
    )
    self_ensemble: bool = setting(False, "average the results over the eight flips and rotations of the image")

    def problems(self) -> Iterable[str]:
        if self.images is not None and not self.out:
            yield "--images: name the folder for the upscaled images with --out=DIR"
        if self.overwrite and self.images is None:
            yield "--overwrite belongs to --images"


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(Config):
    """How a diffusion model draws images. Values left open mean the defaults."""

    sampling: Spec | None = setting(None, "sampler of a diffusion model: ddim or ddpm", default_text="ddim", parse=SAMPLING.parse)
    sampling_steps: int | None = setting(None, "denoising steps per image", default_text="50", minimum=1)
    samples: int | None = setting(None, "images drawn for each LR image; the report has the mean and spread of their metrics", default_text="1", minimum=1)
    seed: int | None = setting(None, "seed of the diffusion sampler's noise", default_text="0", minimum=0)
    noise_schedule: NoiseSchedule | None = setting(
        None, "noise schedule that the --weights of a diffusion model were trained with", default_text="train.py's default", parse=parse_noise_schedule
    )
    noise_target: str | None = setting(
        None, "noise target that the --weights of a diffusion model were trained with", default_text="train.py's default", choices=TARGETS
    )


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig(Config):
    """How it runs."""

    precision: str | None = setting(None, f"precision of the model: {', '.join(PRECISIONS)}", default_text="float32; auto with --images", choices=PRECISIONS)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Config):
    """A benchmark of one model, or images to upscale with it."""

    subject: SubjectConfig = section("Model", SubjectConfig)
    benchmark: BenchmarkConfig = section("Benchmark", BenchmarkConfig)
    upscale: UpscaleConfig = section("Upscaling", UpscaleConfig)
    sampling: SamplingConfig = section("Diffusion models", SamplingConfig)
    runtime: RuntimeConfig = section("Run", RuntimeConfig)

    def problems(self) -> Iterable[str]:
        if self.upscale.images is not None and self.benchmark.report:
            yield "--report belongs to --test_data: images without references have no metrics"
        if self.upscale.images is not None and (self.sampling.samples or 1) > 1:
            yield "--samples belongs to --test_data: --images draws one image; another --seed draws another"
        if self.subject.run is not None:
            for name in ("noise_schedule", "noise_target"):
                if getattr(self.sampling, name) is not None:
                    yield f"--{name} belongs to --weights: a run records how it was trained"

    @property
    def precision(self) -> str:
        """The precision of the forward pass, with its default."""
        return self.runtime.precision or ("auto" if self.upscale.images is not None else "float32")
