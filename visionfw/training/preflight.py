"""What can be found out about a training before a deep-learning framework is imported: its model, its data, its defaults.

The model's file is run once and its dictionary parsed once here; both travel on in `Preflight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfw.config import from_record, open_settings, refuse_changes, to_flags, with_flags
from visionfw.data.datasets import ImageSet, find_sets
from visionfw.errors import ModelDefinitionError, RequestError
from visionfw.gan.config import GanConfig
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.loader import Source
from visionfw.graph.language.parser import parse
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.paths import user_path
from visionfw.runs import directory
from visionfw.runs.directory import Run
from visionfw.training.beginning import beginning
from visionfw.training.config import TrainConfig

#: Kind of training -> the values of flags that are left open.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "plain": {
        "loss": "l1+luma",
        "optimizer": "muon",
        "learning_rate": 2e-3,
        "ema": 0.0,
        "clip_norm": 0.0,
        "rescale": "0.7",
    },
    "adversarial": {
        "content_loss": "l1+checkerboard",
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "ema": 0.99,
        "clip_norm": 0.0,
        "sampler": "uniform",
        "patch_size": 24,
        "batch_size": 8,
        "rescale": "none",
        "discriminator_args": "filters=32,strided=2",
    },
    "diffusion": {
        "loss": "mse",
        "optimizer": "adam",
        "learning_rate": 5e-4,
        "ema": 0.999,
        "clip_norm": 1.0,
        "sampler": "uniform",
        "patch_size": 16,
        "batch_size": 8,
        "rescale": "none",
        "noise_schedule": "linear",
        "noise_target": "residual",
        "sampling_steps": 20,
    },
}


@dataclass(frozen=True)
class Preflight:
    """A training as far as it is known without a framework.

    Attributes:
        request: what was asked for.
        config: the request with the defaults of its kind of training; what depends on the model's receptive field or the patches is
            still open.
        source: the model's dictionary and where it came from.
        definition: the parsed dictionary.
        kind: of training: 'plain', 'adversarial' or 'diffusion'.
        initial: file of the weights that training starts from; None for the initializers'.
        train_sets, val_sets: the image sets.
        notes: lines for the user.
    """

    request: TrainConfig
    config: TrainConfig
    source: Source
    definition: Definition
    kind: str
    initial: Path | None
    train_sets: tuple[ImageSet, ...]
    val_sets: tuple[ImageSet, ...]
    notes: tuple[str, ...] = ()

    @property
    def degradation(self) -> Degradation:
        """How LR images are made where a set brings none."""
        return degradation_of(self.config)


def degradation_of(config: TrainConfig) -> Degradation:
    """Return how a training's LR images are made. Raises RequestError where the steps do not suit the scale."""
    return Degradation(config.data.degradation, config.model.scale, config.data.degradation_seed)


def preflight(request: TrainConfig, own: Run | None = None) -> Preflight:
    """Load the model, find the data and settle the defaults of a training; nothing is written.

    Args:
        request: the training.
        own: the run itself where it is resumed: it holds what it started from.

    Raises:
        RequestError: a name, file, dictionary or combination is wrong.
    """
    if own is None and request.runtime.run_dir is not None:
        directory.refuse_taken(user_path(request.runtime.run_dir))
    start = beginning(request.model, own)
    definition = _parsed(start.source)
    kind = _kind(request, definition)
    config, notes = _with_defaults(request, kind, start.scale)
    degradation = degradation_of(config)
    train_sets = tuple(find_sets(config.data.train, config.data.root, config.model.scale))
    val_sets = tuple(find_sets(config.data.val, config.data.root, config.model.scale))
    for images in (*train_sets, *val_sets):
        images.lr_files(degradation)
    shadowing = [start.source.note] if start.source.note else []
    return Preflight(request, config, start.source, definition, kind, start.weights, train_sets, val_sets, (*start.notes, *notes, *shadowing))


def _parsed(source: Source) -> Definition:
    definition, problems = parse(source.dictionary, source.functions)
    if problems or definition is None:
        raise ModelDefinitionError(problems)
    return definition


def _kind(request: TrainConfig, definition: Definition) -> str:
    """Return the kind of training: 'plain', 'adversarial' or 'diffusion'. Raises RequestError for what does not go together."""
    is_diffusion = definition.prediction_type is not None
    if request.gan is not None and is_diffusion:
        raise RequestError(f"--adversarial cannot be combined with a diffusion model ({definition.name})")
    if not is_diffusion:
        names = [name for name, value in to_flags(request.diffusion).items() if value is not None]
        if names:
            raise RequestError("\n".join(f"--{name} belongs to diffusion models, and {definition.name} is none" for name in names))
    return "diffusion" if is_diffusion else "plain" if request.gan is None else "adversarial"


def _with_defaults(request: TrainConfig, kind: str, scale: int) -> tuple[TrainConfig, list[str]]:
    """Return the request with the defaults of its kind of training, and a line that names those that differ from plain training."""
    left_open = open_settings(request)
    values = {flag: value for flag, value in DEFAULTS[kind].items() if flag in left_open} | _decided_elsewhere(request, left_open)
    sampler = _sampler_for(request, scale)
    if kind == "diffusion" and request.model.init_from is not None:
        values |= _noise_of(request.model.init_from, left_open)
    special = {flag: value for flag, value in values.items() if value is not None and DEFAULTS["plain"].get(flag, sampler) != value}
    if "sampler" in left_open:
        values.setdefault("sampler", sampler)
    note = f"defaults of {kind} training: {' '.join(f'--{flag}={value}' for flag, value in special.items())}"
    return with_flags(request, {**values, "scale": scale}), [note] if kind != "plain" and special else []


def _decided_elsewhere(request: TrainConfig, left_open: set[str]) -> dict[str, Any]:
    """Return the values of flags whose usual default another flag makes pointless."""
    values: dict[str, Any] = {}
    if request.gan is not None and request.loss.loss is not None:
        values["content_loss"] = None
    if request.gan is not None and "discriminator_args" in left_open and request.gan.discriminator != GanConfig(loss=request.gan.loss).discriminator:
        values["discriminator_args"] = {}
    if request.optimizer.clip_value and "clip_norm" in left_open:
        values["clip_norm"] = 0.0
    return values


def _sampler_for(request: TrainConfig, scale: int) -> str:
    """Return the default sampler: what back-projection finds recoverable is misleading where LR images are noisy or blurred."""
    return "headroom" if request.data.degradation.is_bicubic and scale > 1 else "hardest"


def _noise_of(run: str, left_open: set[str]) -> dict[str, Any]:
    """Return the noise schedule and target that a run was trained with: its weights know no other noise."""
    recorded = directory.find(run).read().get("config", {}).get("diffusion", {})
    return {name: recorded[name] for name in ("noise_schedule", "noise_target") if name in recorded and name in left_open}


def resumed(values: Mapping[str, Any]) -> tuple[TrainConfig, Run]:
    """Return the request of the run in --run_dir (the newest unless given), and the run.

    Args:
        values: the flags on the command line, which must agree with those that the run was started with.

    Raises:
        RequestError: there is no such run, it is done, or flags say something else.
    """
    run = directory.find_unfinished(values.get("run_dir"))
    request = with_flags(from_record(TrainConfig, run.read_request(), str(run.record)), {"run_dir": str(run.folder)})
    refuse_changes(request, {flag: value for flag, value in values.items() if flag != "run_dir"}, f"the run in {run.folder}")
    return request, run
