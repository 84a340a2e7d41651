"""What a model costs: parameters, multiply-adds and receptive field, counted from its dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from visionfw.graph.analysis.layer_uses import LayerUses, layer_uses
from visionfw.graph.analysis.receptive_field import receptive_side
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language.parser import Functions

#: Height and width of the output image for which the field states costs.
OUTPUT = (720, 1280)


class Cost(NamedTuple):
    """The cost of one forward pass.

    Attributes:
        params: trainable parameters; shared ones count once, running statistics do not count.
        multiply_adds: multiplications with a following addition in convolutions, dense layers and attention, for one output image.
        receptive_field: side of the square of input pixels that one output pixel can depend on (pixels of the LR image, or of the
            upscaled one with `pre_upsample`); math.inf where it is the whole image.
    """

    params: int
    multiply_adds: int
    receptive_field: float


def cost(dictionary: Mapping[str, Any], output: tuple[int, int] = OUTPUT, scale: int | None = None, functions: Functions | None = None) -> Cost:
    """Count a model's cost.

    Args:
        dictionary: any spelling.
        output: height and width of the output image in pixels; 1280x720 is the field's convention.
        scale: the run's scale, for a dictionary that leaves it open.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
    """
    return compute_cost(examine(dictionary, scale, functions), output)


def compute_cost(checked: Checked, output: tuple[int, int] = OUTPUT) -> Cost:
    """Count the cost of a checked dictionary for one output image of height and width `output`."""
    return total_cost(checked, layer_uses(checked, output))


def total_cost(checked: Checked, uses: LayerUses) -> Cost:
    """Add up the costs of a model's layer uses."""
    params = {use.name: use.params for use in uses.uses}
    multiply_adds = sum(use.multiply_adds for use in uses.uses)
    return Cost(sum(params.values()), round(multiply_adds * uses.factor), receptive_side(checked, uses.uses))
