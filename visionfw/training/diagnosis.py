"""Find where a loss stopped being finite: the loss term, the layer and the patches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from visionfw.data.patches import PatchSource
from visionfw.errors import VisionfwError
from visionfw.imaging.resize import imresize
from visionfw.io.files import write_json
from visionfw.layers.uint8_images import uint8_to_float
from visionfw.losses import Loss
from visionfw.numerics import Tensor
from visionfw.reports.sheets import draw_sheet
from visionfw.training.models import TrainingModels, training_loss
from visionfw.training.setup import Plan


class Diverged(VisionfwError):
    """The training loss is not finite any more, or many times what it was."""


def describe_nonfinite(models: TrainingModels, plan: Plan, lr: np.ndarray, hr: np.ndarray) -> str:
    """Say which loss term and which layer's output are not finite on a batch.

    Args:
        models: with weights about as they were before the failed step.
        plan: the run's.
        lr, hr: the batch's patches, (batch, side, side, 3) uint8.
    """
    if models.reads_pairs:
        return "the loss compares predicted noise, for which no layer can be named"
    model, color = models.model, plan.checked.definition.color
    lr, hr = uint8_to_float(lr, color), uint8_to_float(hr, color)
    output = model(lr, training=False)
    terms = list(_nonfinite_terms(models, plan, hr, output["sr"] if isinstance(output, dict) else output))
    text = f"not finite: loss term {', '.join(terms)}" if terms else "the loss of this batch is finite, its gradient is not"
    layer = _first_nonfinite_layer(model, lr)
    return f"{text}; first layer with an output that is not finite: {layer}" if layer else text


def _nonfinite_terms(models: TrainingModels, plan: Plan, hr: Tensor, sr: Tensor) -> Iterator[str]:
    """Yield the names of the loss terms that are not finite."""
    for term in plan.config.objective.terms:
        if not _is_finite(training_loss(plan, Loss((term,)))(hr, sr)):
            yield term.spec.name
    discriminator = models.discriminator
    if discriminator is not None and not all(_is_finite(discriminator(images, training=True)) for images in (hr, sr)):
        yield "adversarial (the discriminator's logits)"


def _first_nonfinite_layer(model: keras.Model, lr: Tensor) -> str | None:
    """Return the name of the first layer, in the order of the model, whose output is not finite."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(model.inputs, [layer.output for layer in layers])(lr, training=False)
    return next((layer.name for layer, output in zip(layers, outputs, strict=True) if not _is_finite(output)), None)


def _is_finite(tensor: Tensor) -> bool:
    return bool(np.isfinite(ops.convert_to_numpy(ops.sum(ops.abs(ops.cast(tensor, "float32"))))))


def save_bad_batch(folder: Path, source: PatchSource, ids: np.ndarray, step: int) -> Path:
    """Write where the patches of a batch come from (bad_batch.json), and a picture of them (bad_batch.png).

    Args:
        folder: to write into.
        source: the patches.
        ids: (batch,) patch numbers.
        step: the step that failed.

    Returns:
        The path of the picture.
    """
    places = zip(*(array.tolist() for array in (ids, *source.locate(ids))), strict=True)
    patches = [{"patch": number, "image": str(source.store.paths[image]), "row": row, "column": column} for number, image, row, column in places]
    write_json(folder / "bad_batch.json", {"step": step, "patches": patches})
    lr, hr = source.read(ids)
    picture = folder / "bad_batch.png"
    bicubic = np.stack([imresize(patch, source.scale) for patch in lr])
    draw_sheet(picture, [("LR, bicubic", bicubic), ("HR", hr)], [str(number) for number in ids])
    return picture
