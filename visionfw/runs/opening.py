"""Open a trained model of any origin: a file of another program, a run, a saved model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from visionfw.errors import RequestError
from visionfw.graph.language.ir import to_dictionary
from visionfw.interchange.identify import identify
from visionfw.io.paths import user_path
from visionfw.runs import directory as runs
from visionfw.runs.checkpoints import examine_run, load_run
from visionfw.weights.files import read_weights


@dataclass(frozen=True)
class Opened:
    """A trained model with its dictionary; `dictionary, model = vf.open(file)` unpacks it.

    Attributes:
        dictionary: the model's, in the canonical form.
        model: the Keras model with the file's weights: images in [0, 1] in, larger images out.
        remarks: which architecture it is, what was assumed, what of the file was not used.
    """

    dictionary: dict[str, Any]
    model: keras.Model
    remarks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Mapping[str, Any] | keras.Model]:
        return iter((self.dictionary, self.model))


def open(source: str | Path) -> Opened:
    """Open a trained model: the architecture of another program's file is found by the names and shapes of its weights.

    Args:
        source: a PyTorch state_dict (.pth, .pt, .ckpt) or .safetensors file of one of the architectures in `model_defs`; or a run
            directory, or 'latest'. No code in a file is run.

    Returns:
        The dictionary and the model, and remarks about what a file does not say.

    Raises:
        RequestError: no such file or run, or a file of no architecture that is known: the nearest are listed, and why each was ruled out.
        VisionfwError: it cannot be read.
    """
    path = user_path(source)
    if path.is_file() and path.name.endswith((".weights.h5", ".keras")):
        hint = "vf.load opens it" if path.suffix == ".keras" else "name the run's folder, or build its model and use vf.load_weights"
        raise RequestError(f"weights {path}: holds no dictionary of the model; {hint}")
    if path.is_file():
        found = identify(read_weights(path))
        return Opened(to_dictionary(found.checked.definition), found.model, found.remarks)
    if path.suffix and not path.is_dir() and str(source) != "latest":
        raise RequestError(f"weights: no file {path}")
    run = runs.find(source)
    definition, checked = examine_run(run)
    return Opened(to_dictionary(definition), load_run(run, checked=checked))
