"""Where a loss stopped being finite: the term, the layer and the patches."""

from __future__ import annotations

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


class Exploded(VisionfwError):
    """The loss is not finite any more, or many times what it was."""


def where_not_finite(made_of: TrainingModels, plan: Plan, lr: np.ndarray, hr: np.ndarray) -> str:
    """Say which loss term and which layer's output are not finite on a batch.

    Args:
        made_of: what learns, with the weights about as they were before the fatal step.
        plan: the run's.
        lr, hr: uint8 patches.
    """
    if made_of.reads_pairs:
        return "the loss is that of the noise, for which no layer can be named"
    model, color = made_of.model, plan.checked.definition.color
    image, reference = uint8_to_float(lr, color), uint8_to_float(hr, color)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(model.inputs, [layer.output for layer in layers])(image, training=False)
    first = next((layer.name for layer, output in zip(layers, outputs, strict=True) if not _is_finite(output)), None)
    made = model(image, training=False)
    terms = [term.spec.name for term in plan.config.objective.terms if not _is_finite(training_loss(plan, Loss((term,)))(reference, made))]
    if made_of.discriminator is not None and not all(_is_finite(made_of.discriminator(images, training=True)) for images in (reference, made)):
        terms.append("adversarial (the discriminator's logits)")
    said = [f"not finite: loss term {', '.join(terms)}"] if terms else ["the loss of this batch is finite, its gradient is not"]
    return "; ".join([*said, *([f"first layer with an output that is not finite: {first}"] if first else [])])


def _is_finite(tensor: Tensor) -> bool:
    return bool(np.isfinite(ops.convert_to_numpy(ops.sum(ops.abs(ops.cast(tensor, "float32"))))))


def keep_batch(folder: Path, source: PatchSource, ids: np.ndarray, step: int) -> Path:
    """Write a batch's patch numbers with their places (bad_batch.json), and a picture of it (bad_batch.png).

    Returns:
        The picture.
    """
    places = zip(*(array.tolist() for array in (ids, *source.locate(ids))), strict=True)
    patches = [{"patch": n, "image": str(source.store.paths[image]), "row": row, "column": column} for n, image, row, column in places]
    write_json(folder / "bad_batch.json", {"step": step, "patches": patches})
    lr, hr = source.read(ids)
    picture = folder / "bad_batch.png"
    rows = [np.stack([imresize(patch, source.scale) for patch in lr]), hr]
    draw_sheet(picture, [("LR, bicubic", rows[0]), ("HR", rows[1])], [str(number) for number in ids])
    return picture
