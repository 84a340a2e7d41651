"""What a training begins with: a model's dictionary and scale, and the weights it starts from. No Keras here, but where a file is ambiguous."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError
from visionfw.graph.language.loader import Source, load
from visionfw.interchange.detection import candidates, refusal
from visionfw.interchange.references import Reference, installed_references
from visionfw.io.paths import user_path
from visionfw.runs import directory
from visionfw.runs.directory import Run
from visionfw.runs.own_members import require_members
from visionfw.training.config import DEFAULT_SCALE, ModelConfig
from visionfw.weights.files import read_weights

#: Suffixes of our own weights, which hold no keys that tell an architecture.
_OWN_SUFFIXES = (".weights.h5", ".keras")


@dataclass(frozen=True)
class Beginning:
    """What a training begins with.

    Attributes:
        source: the model's dictionary and where it came from.
        scale: SR size / LR size.
        weights: file of the weights that training starts from; None for the initializers'.
        notes: lines for the user.
    """

    source: Source
    scale: int
    weights: Path | None = None
    notes: tuple[str, ...] = ()


def beginning(model: ModelConfig, own: Run | None = None) -> Beginning:
    """Find the model of a training and the weights that it starts from.

    Args:
        model: what was asked for.
        own: the run itself where it is resumed: it holds what it started from.

    Raises:
        RequestError: no such model, run or file, one of an unknown architecture, or another scale.
    """
    if own is not None and own.initial.is_file():
        return _of_run(own, own.initial, model, str(own.folder))
    if model.init_from is not None:
        run = directory.find(model.init_from)
        if run.architecture.exists():
            raise RequestError(f"--init_from={model.init_from}: its dictionary has blocks that are Python functions, which a run does not store")
        if not run.best.is_file():
            raise RequestError(f"--init_from={model.init_from}: the run was never validated, so it has no best weights")
        return _of_run(run, run.best, model, f"--init_from={model.init_from}")
    if model.weights is not None:
        return _of_file(model.weights, model)
    scale = model.scale or DEFAULT_SCALE
    return Beginning(load(model.name, model.args, scale), scale)


def _of_run(run: Run, weights: Path, model: ModelConfig, subject: str) -> Beginning:
    """Begin with the dictionary of a run."""
    require_members(run)
    dictionary = run.read_model()
    scale = dictionary.get("scale")
    if model.scale not in (None, scale):
        raise RequestError(f"{subject}: the run has scale {scale}, not {model.scale}; give --scale={scale}")
    return Beginning(Source(dictionary, run.model), scale or DEFAULT_SCALE, weights)


def _of_file(text: str, model: ModelConfig) -> Beginning:
    """Begin with a weight file: with its own architecture, unless --model names one."""
    path = user_path(text)
    if not path.is_file():
        raise RequestError(f"--weights={text}: {'is a folder; name the file in it' if path.is_dir() else 'no such file'}")
    if model.name != ModelConfig().name or path.name.endswith(_OWN_SUFFIXES):
        scale = model.scale or DEFAULT_SCALE
        return Beginning(load(model.name, model.args, scale), scale, path)
    reference, solved = _architecture(path)
    arguments = {**solved, **model.args, **({"scale": model.scale} if model.scale is not None else {})}
    source = load(str(reference.path), arguments)
    scale = source.dictionary.get("scale") or 1
    changed = [f"{name}={value!r}" for name, value in arguments.items() if name != "scale" and solved.get(name, value) != value]
    assumed = reference.assumptions(arguments)
    notes = [f"weights {path.name}: {reference.name} x{scale}" + (f", with {', '.join(changed)}" if changed else "")]
    notes += [f"weights {path.name}: assumed {', '.join(assumed)}, which no shape tells"] if assumed else []
    return Beginning(source, scale, path, tuple(notes))


def _architecture(path: Path) -> tuple[Reference, Mapping[str, Any]]:
    """Return the architecture of a weight file and its arguments. Raises RequestError for an unknown one."""
    file, references, reasons = read_weights(path), installed_references(), dict[str, str]()
    found = candidates(file, references, reasons)
    if not found:
        raise RequestError(refusal(file, references, reasons))
    if len(found) > 1:  # only a built model tells which of them has all of the file's weights
        from visionfw.interchange.identify import identify

        identified = identify(file, [candidate.reference for candidate in found])
        return identified.candidate.reference, identified.arguments
    return found[0].reference, found[0].arguments
