"""Load what an evaluation is about: a run, or a dictionary with a file of weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from visionfw.config import to_flags
from visionfw.diffusion import SAMPLING, parse_noise_schedule
from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.diffusion.target import Target
from visionfw.errors import RequestError, VisionfwError
from visionfw.evaluation.config import EvaluateConfig, Interpolation
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader
from visionfw.graph.language.ir import Definition
from visionfw.imaging.degradations import parse_degradation
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.inference import ImageUpscaler
from visionfw.inference.upscaler import Upscaler
from visionfw.interchange.identify import identify
from visionfw.io.paths import user_path
from visionfw.runs import directory
from visionfw.runs.checkpoints import SUFFIXES, examine_run, existing_file, load_run, load_weights, precision
from visionfw.runs.directory import Run
from visionfw.weights.assign import propose_names
from visionfw.weights.files import read_weights

#: What a diffusion model was trained with where nothing is recorded: train.py's defaults.
_NOISE_SCHEDULE, _NOISE_TARGET = "linear", "residual"
_SAMPLING, _SAMPLING_STEPS = "ddim", 50


@dataclass(frozen=True)
class LoadedModel:
    """A model that can be evaluated.

    Attributes:
        model: compiled, with its weights.
        name: the dictionary's.
        color: 'rgb' or 'y'.
        scale: SR size / LR size.
        degradation: how LR images are made.
        checked: the dictionary; None where its blocks were Python functions, which a run does not store.
        weights: 'raw' or 'averaged' for a run's, else the file's name.
        run: the run's folder; '' where there is none.
        diffusion: a diffusion model's noise schedule and target; None for every other model.
        remarks: what a reader should know of how the weights were loaded.
    """

    model: keras.Model
    name: str
    color: str
    scale: int
    degradation: Degradation
    checked: Checked | None
    weights: str
    run: str = ""
    diffusion: tuple[NoiseSchedule, Target] | None = None
    remarks: tuple[str, ...] = ()

    def denoising_steps(self, config: EvaluateConfig) -> int:
        """Return the denoising steps per image of a diffusion model; 0 for every other."""
        return 0 if self.diffusion is None else min(config.sampling.sampling_steps or _SAMPLING_STEPS, self.diffusion[0].steps)


def load_for_evaluation(config: EvaluateConfig) -> LoadedModel:
    """Load the model of an evaluation.

    Raises:
        RequestError: no such run, model or file; weights that do not fit; no scale, or another one than the run's.
        VisionfwError: a file is damaged.
    """
    if config.subject.run is not None:
        return _from_run(directory.find(config.subject.run), config)
    return _from_weights(config) if config.subject.model is not None else _from_known_file(config)


def _from_known_file(config: EvaluateConfig) -> LoadedModel:
    """Load a file that tells its architecture by the names and shapes of its weights."""
    path = existing_file(config.subject.weights)
    if path.name.endswith(SUFFIXES):
        raise RequestError(f"--weights={config.subject.weights}: does not tell its architecture; name it with --model")
    with precision(config.precision):
        found = identify(read_weights(path))
    definition = found.checked.definition
    scale = definition.scale or 1
    if config.subject.scale not in (None, scale):
        raise RequestError(f"--scale={config.subject.scale}: {path.name} has scale {scale}")
    remarks = tuple(f"weights {path.name}: {remark}" for remark in found.remarks)
    return LoadedModel(found.model, definition.name, definition.color, scale, _degradation(config, {}, scale), found.checked, path.name, remarks=remarks)


def _from_weights(config: EvaluateConfig) -> LoadedModel:
    subject = config.subject
    source = loader.load(subject.model, subject.model_args, subject.scale)
    checked = examine(source.dictionary, subject.scale, source.functions)
    definition = checked.definition
    if definition.scale is None or checked.scale is None:
        raise RequestError(f"{definition.name}: its output is no image of a known scale, so it cannot be measured")
    names = subject.weight_names if subject.weight_names == "auto" else _read_names(subject.weight_names)
    with precision(config.precision):
        model = compile_model(checked)
    remarks = [source.note] if source.note else []
    remarks += [f"weights {subject.weights}: {remark}" for remark in load_weights(model, subject.weights, names)]
    degradation = _degradation(config, {}, definition.scale)
    weights, diffusion = user_path(subject.weights).name, _diffusion(definition, to_flags(config.sampling))
    return LoadedModel(model, definition.name, definition.color, definition.scale, degradation, checked, weights, "", diffusion, tuple(remarks))


def show_weight_names(config: EvaluateConfig) -> str:
    """Return the likeliest assignment of --weights to the layers of --model as the JSON that --weight_names reads, and how sure it is.

    Raises:
        RequestError: no such model or file, or weights that do not fit.
    """
    subject = config.subject
    source = loader.load(subject.model, subject.model_args, subject.scale)
    model = compile_model(examine(source.dictionary, subject.scale, source.functions))
    proposal = propose_names(model, read_weights(existing_file(subject.weights)))
    return f"{json.dumps(proposal.names, indent=2)}\n{proposal.certainty}"


def _from_run(run: Run, config: EvaluateConfig) -> LoadedModel:
    definition, checked = examine_run(run)
    if definition.scale is None:
        raise VisionfwError(f"{run.model}: is damaged: it has no scale")
    if config.subject.scale not in (None, definition.scale):
        raise RequestError(f"--scale={config.subject.scale}: run {run.folder} has scale {definition.scale}")
    model = load_run(run, config.precision, checked)
    recorded = _recorded(run)
    weights = "averaged" if recorded.get("optimizer", {}).get("ema") else "raw"
    if config.subject.interpolate is not None:
        weights += _interpolate(model, definition, run, config.subject.interpolate)
    degradation, diffusion = _degradation(config, recorded.get("data", {}), definition.scale), _diffusion(definition, recorded.get("diffusion", {}))
    return LoadedModel(model, definition.name, definition.color, definition.scale, degradation, checked, weights, str(run.folder), diffusion)


def _recorded(run: Run) -> Mapping[str, Any]:
    """Return the configuration that a run was trained with."""
    return run.read().get("config", {})


def _diffusion(definition: Definition, trained: Mapping[str, Any]) -> tuple[NoiseSchedule, Target] | None:
    """Return how a diffusion model was trained: as given or recorded, else as train.py does by default."""
    if definition.prediction_type is None:
        return None
    schedule = trained.get("noise_schedule") or _NOISE_SCHEDULE
    parsed = parse_noise_schedule(schedule) if isinstance(schedule, str) else schedule
    return parsed, Target(trained.get("noise_target") or _NOISE_TARGET, definition.prediction_type)


def upscaler_for(loaded: LoadedModel, config: EvaluateConfig, sample: int = 0, on_step: Callable[[], None] | None = None) -> ImageUpscaler:
    """Return what upscales images with a loaded model.

    Args:
        loaded: the model.
        config: how.
        sample: number of a diffusion model's draw: each number draws other images.
        on_step: called after every denoising step of a diffusion model.

    Raises:
        RequestError: a flag does not suit the kind of model.
    """
    upscale, sampling = config.upscale, config.sampling
    if loaded.diffusion is None:
        needless = [name for name, value in to_flags(sampling).items() if value is not None]
        if needless:
            raise RequestError("\n".join(f"--{name} belongs to diffusion models, and {loaded.name} is none" for name in needless))
        return Upscaler(loaded.model, upscale.tile, upscale.self_ensemble)
    if upscale.self_ensemble:
        raise RequestError(f"--self_ensemble cannot be combined with a diffusion model ({loaded.name}); --samples reports the mean of several draws")
    steps, seed = sampling.sampling_steps or _SAMPLING_STEPS, (sampling.seed or 0, sample)
    return DiffusionSampler(loaded.model, *loaded.diffusion, loaded.scale, steps, sampling.sampling or SAMPLING.parse(_SAMPLING), seed, upscale.tile, on_step)


def _interpolate(model: keras.Model, definition: Definition, run: Run, interpolation: Interpolation) -> str:
    """Move a model's weights towards those of another run of the same model; return a text for the report.

    Reference: Wang et al. (ESRGAN), ECCVW 2018, section 3.4: network interpolation.
    """
    other, fraction = directory.find(interpolation.run), interpolation.fraction
    if {**other.read_model(), "name": ""} != {**run.read_model(), "name": ""}:
        raise RequestError(f"--interpolate={interpolation}: its model's dictionary differs from that of run {run.folder}")
    if _diffusion(definition, _recorded(run).get("diffusion", {})) != _diffusion(definition, _recorded(other).get("diffusion", {})):
        raise RequestError(f"--interpolate={interpolation}: was trained with another noise schedule or target than run {run.folder}")
    theirs = load_run(other).get_weights()
    model.set_weights([(1 - fraction) * a + fraction * b for a, b in zip(model.get_weights(), theirs, strict=True)])
    return f", {fraction:g} of the way to {other.folder}"


def _degradation(config: EvaluateConfig, recorded: Mapping[str, Any], scale: int) -> Degradation:
    """Return how LR images are made: as requested, else as recorded, else by bicubic."""
    benchmark = config.benchmark
    spec = benchmark.degradation or parse_degradation(recorded.get("degradation", "bicubic"))
    seed = recorded.get("degradation_seed", 0) if benchmark.degradation_seed is None else benchmark.degradation_seed
    return Degradation.for_model(spec, scale, seed)


def _read_names(file: str | None) -> dict[str, str] | None:
    """Read the JSON file of --weight_names."""
    if file is None:
        return None
    path = user_path(file)
    try:
        names = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"--weight_names: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"--weight_names: {path} is no JSON: {error}") from error
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise RequestError(f"--weight_names: {path} must hold one object of texts: {{OUR LAYER: PREFIX OF THEIR KEYS}}")
    return names
