"""What an evaluation is about: a run, or a dictionary with a file of weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from visionfw.config import TRAINED, EvaluateRequest, TrainRequest, read_interpolation
from visionfw.diffusion.noise_schedule import NoiseSchedule, Target, read_noise_schedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.errors import RequestError, VisionfwError
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader as models
from visionfw.graph.language.ir import Definition
from visionfw.imaging.degradations import parse_degradation
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.inference.upscaler import Upscaler
from visionfw.io.paths import user_path
from visionfw.runs import directory as runs
from visionfw.runs.checkpoints import examine_run, load_run, load_weights, precision


@dataclass(frozen=True)
class LoadedModel:
    """A model to be measured, what its dictionary says of it, and how its LR images are made.

    Attributes:
        model: compiled, with its weights.
        name: the dictionary's.
        color: 'rgb' or 'y'.
        scale: SR size / LR size.
        degradation: how LR images are made, and HR size / LR size.
        checked: the dictionary; None where its blocks were Python functions that are not there any more.
        weights: 'raw' or 'averaged' for a run's, else the file's name.
        run: the run's folder; '' where there is none.
        refining: a diffusion model's schedule and target; None for every other.
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
    refining: tuple[NoiseSchedule, Target] | None = None
    remarks: tuple[str, ...] = ()

    def looks(self, request: EvaluateRequest) -> int:
        """Return how often a diffusion model looks at each image; 0 for every other."""
        return 0 if self.refining is None else min(request.sampling_steps, self.refining[0].steps)


def load_for_evaluation(request: EvaluateRequest) -> LoadedModel:
    """Open what an evaluation is about.

    Raises:
        RequestError: no such run, model or file; weights that do not fit; no scale, or another than the run's.
        VisionfwError: a file is damaged.
    """
    return _of_run(runs.find(request.run), request) if request.run is not None else _of_weights(request)


def _of_weights(request: EvaluateRequest) -> LoadedModel:
    source = models.load(request.model, dict(request.model_args), request.scale)
    checked = examine(source.dictionary, request.scale, source.functions)
    definition = checked.definition
    if definition.scale is None or checked.scale is None:
        raise RequestError(f"{definition.name}: its output is no image of a known scale, so it cannot be measured")
    names = _read_names(request.weight_names)
    with precision(request.precision):
        model = compile_model(checked)
    remarks = [source.note] if source.note else []
    remarks += [f"weights {request.weights}: {remark}" for remark in load_weights(model, request.weights, names)]
    how = _degradation(request, "bicubic", 0, definition.scale)
    weights = user_path(request.weights).name
    refining = _refining(definition, vars(request))
    return LoadedModel(model, definition.name, definition.color, definition.scale, how, checked, weights, "", refining, tuple(remarks))


def _of_run(run: runs.Run, request: EvaluateRequest) -> LoadedModel:
    definition, checked = examine_run(run)
    if definition.scale is None:
        raise VisionfwError(f"{run.model}: is damaged: it says no scale")
    if request.scale not in (None, definition.scale):
        raise RequestError(f"--scale={request.scale}: run {run.folder} is of scale {definition.scale}")
    model = load_run(run, request.precision, checked)
    between = "" if request.interpolate is None else _move(model, definition, run, *read_interpolation(request.interpolate))
    asked = run.read().get("request", {})
    how = _degradation(request, asked.get("degradation", "bicubic"), asked.get("degradation_seed", 0), definition.scale)
    weights = ("averaged" if asked.get("ema") else "raw") + between
    return LoadedModel(model, definition.name, definition.color, definition.scale, how, checked, weights, str(run.folder), _refining(definition, asked))


def _refining(definition: Definition, asked: Mapping[str, Any]) -> tuple[NoiseSchedule, Target] | None:
    """Return how a diffusion model was trained, as is asked for or as train.py does unless told."""
    if definition.prediction_type is None:
        return None
    schedule, target = (asked.get(name) or getattr(TrainRequest(), name) for name in TRAINED)
    return read_noise_schedule(schedule), Target(target, definition.prediction_type)


def upscaler_for(subject: LoadedModel, request: EvaluateRequest, sample: int = 0, looked: Callable[[], None] | None = None) -> Upscaler | DiffusionSampler:
    """Return what puts a subject's model on images.

    Args:
        subject: the model.
        request: how.
        sample: of a diffusion model: images of other numbers are other draws.
        looked: called after every look that a diffusion model takes at an image.

    Raises:
        RequestError: a flag that does not go with the kind of model.
    """
    if subject.refining is None:
        defaults = EvaluateRequest(run="")
        asked = [name for name in ("sampling", "sampling_steps", "samples", "seed", *TRAINED) if getattr(request, name) != getattr(defaults, name)]
        if asked:
            raise RequestError("\n".join(f"--{name}: belongs to diffusion models, and {subject.name} is none" for name in asked))
    if subject.refining is not None and request.self_ensemble:
        raise RequestError(f"--self_ensemble: {subject.name} is a diffusion model, which draws every image anew; --samples tells the mean of several draws")
    if subject.refining is None:
        return Upscaler(subject.model, request.tile, request.self_ensemble)
    eta = 0.0 if request.sampling == "ddim" else None
    return DiffusionSampler(subject.model, *subject.refining, subject.scale, request.sampling_steps, eta, (request.seed, sample), request.tile, looked)


def _move(model: keras.Model, definition: Definition, run: runs.Run, other: str, share: float) -> str:
    """Move a run's weights towards another run's of the same model, by a share of the way; return what to say of them.

    Reference: Wang et al. (ESRGAN), ECCVW 2018, section 3.4: network interpolation.
    """
    found = runs.find(other)
    if {**found.read_model(), "name": ""} != {**run.read_model(), "name": ""}:
        raise RequestError(f"--interpolate={other}: its model's dictionary is another than that of run {run.folder}")
    ours, theirs = (_refining(definition, one.read().get("request", {})) for one in (run, found))
    if ours != theirs:
        raise RequestError(f"--interpolate={other}: was trained with another noise schedule or target than run {run.folder}")
    theirs = load_run(found).get_weights()
    model.set_weights([(1 - share) * ours + share * theirs for ours, theirs in zip(model.get_weights(), theirs, strict=True)])
    return f", {share:g} of the way to {found.folder}"


def _degradation(request: EvaluateRequest, text: str, seed: int, scale: int) -> Degradation:
    """Return how LR images are made: as asked for, or as the run had it."""
    seed = seed if request.degradation_seed is None else request.degradation_seed
    return Degradation.for_model(parse_degradation(request.degradation or text), scale, seed)


def _read_names(file: str | None) -> dict[str, str] | None:
    """Read the JSON file of --weight_names."""
    if file is None:
        return None
    path = user_path(file)
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"--weight_names: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"--weight_names: {path} is no JSON: {error}") from error
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise RequestError(f"--weight_names: {path} must hold one object of texts: {{OUR LAYER: PREFIX OF THEIR KEYS}}")
    return names
