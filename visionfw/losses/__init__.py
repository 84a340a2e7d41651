"""Losses by name, and weighted sums of them: `l1+0.1*ssim`.

A loss is a function (reference, sr) -> (batch,) values. Its arguments are (batch, height, width, channels) tensors in [0, 1]; it
computes in float32. Keras takes the mean of the values.

A new loss is one entry here; `vf.register_loss` adds one from outside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from visionfw.errors import RequestError
from visionfw.numerics import Tensor
from visionfw.registry import Entry, Option, Registry, Spec, choice, number

LossFunction = Callable[[Tensor, Tensor], Tensor]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class LossContext:
    """What a loss may know about the run besides the images.

    Attributes:
        scale: SR size / LR size.
        feature_weights: weight files of feature networks, by the network's name.
        allow_download: whether Keras may download weights that no file is named for.
    """

    scale: int = 4
    feature_weights: Mapping[str, str] = field(default_factory=dict)
    allow_download: bool = False


@dataclass(frozen=True, kw_only=True)
class LossEntry(Entry):
    """A loss that a flag can name.

    Attributes:
        is_factory: the target is called once, as target(context, **options) with a LossContext, and returns the loss function; otherwise
            the target is the loss function itself, called as target(reference, sr, **options).
        min_patch: side in pixels of the smallest HR patch that the loss works on, from the values of its options.
        feature_network: the network whose weights it needs, a key of LossContext.feature_weights; such a loss compares RGB images.
        stands_alone: minimizing it alone reproduces the reference.
        suits_noise: it also measures the error of predicted noise, whose values have no range.
    """

    is_factory: bool = False
    min_patch: Callable[[Values], int] = lambda _: 1
    feature_network: str | None = None
    stands_alone: bool = True
    suits_noise: bool = False


def _vgg_layer(text: str) -> str:
    layer = {"vgg22": "relu2_2", "vgg54": "relu5_4"}.get(text, text)
    convolutions = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}
    match = re.fullmatch(r"(?:conv|relu)([1-5])_([1-4])", layer)
    if not match or int(match[2]) > convolutions[int(match[1])]:
        raise ValueError(text)
    return layer


_VGG_OPTIONS = {
    "layer": Option("relu5_4", _vgg_layer, "a layer from conv1_1 to conv5_4 or from relu1_1 to relu5_4, vgg22 or vgg54", "convN_M is before the activation"),
    "distance": choice("mse", "l1", help="of the features"),
}


def _vgg_min_patch(options: Values) -> int:
    return 2 ** (int(options["layer"][4]) - 1)  # VGG19 halves the image before each block but the first


LOSSES: Registry[LossEntry] = Registry(
    "loss",
    [
        LossEntry(name="l1", target="visionfw.losses.pixel:l1", help="mean absolute error (EDSR, RCAN, RDN)", suits_noise=True),
        LossEntry(name="mse", target="visionfw.losses.pixel:mse", help="mean squared error (SRCNN, VDSR, SRResNet)", suits_noise=True),
        LossEntry(name="luma", target="visionfw.losses.pixel:luma", help="mean absolute error of luma, next to a loss that compares colors: l1+luma"),
        LossEntry(name="charbonnier", target="visionfw.losses.pixel:charbonnier", help="sqrt(error^2 + 1e-6), a smooth l1 (LapSRN)", suits_noise=True),
        LossEntry(
            name="mse_central",
            target="visionfw.losses.pixel:mse_central",
            help="mean squared error without a border of pixels (SRCNN)",
            options={"border": number(6, "pixels left out on each side", minimum=0, whole=True)},
            min_patch=lambda options: 2 * options["border"] + 1,
        ),
        LossEntry(name="ssim", target="visionfw.losses.structure:ssim", help="1 - SSIM, the mean over channels", min_patch=lambda _: 11),
        LossEntry(
            name="total_variation",
            target="visionfw.losses.structure:total_variation",
            help="squared differences between neighboring output pixels (SRGAN), with a small weight next to another loss: l1+1e-4*total_variation",
            stands_alone=False,
        ),
        LossEntry(
            name="checkerboard",
            target="visionfw.losses.structure:checkerboard_at_scale",
            help="fine detail that is uneven over the upsampling grid, next to another loss in adversarial training: l1+checkerboard",
            is_factory=True,
            min_patch=lambda _: 16,
            stands_alone=False,
        ),
        LossEntry(
            name="vgg",
            target="visionfw.losses.perceptual:vgg",
            help="distance between VGG19 features (SRGAN), with weights from --feature_weights",
            options=_VGG_OPTIONS,
            is_factory=True,
            min_patch=_vgg_min_patch,
            feature_network="vgg19",
        ),
    ],
    LossEntry,
)


class LossTerm(NamedTuple):
    """One term of a loss: its weight, above 0, and which loss it is."""

    weight: float
    spec: Spec

    @property
    def entry(self) -> LossEntry:
        """The term's entry in LOSSES."""
        return LOSSES.get(self.spec.name)

    def __str__(self) -> str:
        weight = int(self.weight) if self.weight == int(self.weight) and self.weight < 1e15 else self.weight
        return str(self.spec) if weight == 1 else f"{weight!r}*{self.spec}"


@dataclass(frozen=True)
class Loss:
    """A weighted sum of losses; `str` writes it so that `parse_loss` gives it back.

    Attributes:
        terms: at least one.
    """

    terms: tuple[LossTerm, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.terms))

    @property
    def feature_networks(self) -> tuple[str, ...]:
        """The networks whose weights the terms need, each once."""
        networks = (term.entry.feature_network for term in self.terms)
        return tuple(dict.fromkeys(network for network in networks if network is not None))

    def size_problems(self, side: int) -> list[str]:
        """Return a message for every term that does not work on HR patches of side x side pixels."""
        required = [(term.spec, term.entry.min_patch(term.spec.options)) for term in self.terms]
        return [f"{spec}: needs HR patches of at least {least} x {least}, not {side} x {side}" for spec, least in required if side < least]

    def build(self, context: LossContext | None = None) -> LossFunction:
        """Return the weighted sum as a function (reference, sr) -> (batch,) values.

        Args:
            context: the run's scale and feature weights.

        Raises:
            RequestError: weights of a feature network are missing or do not fit.
            VisionfwError: they could not be downloaded.
        """
        functions = [(weight, build_loss_function(spec, context)) for weight, spec in self.terms]

        def loss(reference: Tensor, sr: Tensor) -> Tensor:
            return sum(weight * function(reference, sr) for weight, function in functions)

        return loss


def build_loss_function(spec: Spec, context: LossContext | None = None) -> LossFunction:
    """Return the function (reference, sr) -> (batch,) values of one loss with its options."""
    entry = LOSSES.get(spec.name)
    if entry.is_factory:
        return entry.load()(context or LossContext(), **spec.options)
    return partial(entry.load(), **spec.options)


def parse_loss(text: str, flag: str = "loss") -> Loss:
    """Parse terms joined by '+', each NAME, NAME:OPTION=VALUE,... or WEIGHT*NAME: 'l1+0.1*ssim', '0.006*vgg:layer=vgg54'.

    Args:
        text: what the user wrote.
        flag: the flag that it was written for, for messages.

    Raises:
        RequestError: an unknown name, a weight that is not a number above 0, a wrong option, or no term that may stand alone; all
            problems are reported.
    """
    problems: list[str] = []
    terms = [_parse_term(part, problems) for part in re.split(r"(?<![0-9.]e)\+", text)]  # the '+' of 1e+2 does not separate terms
    loss = Loss(tuple(term for term in terms if term is not None))
    if not problems and not any(term.entry.stands_alone for term in loss.terms):
        problems.append(f"{loss} alone has its minimum at a flat image; add a loss that compares pixels: l1+{loss}")
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return loss


def _parse_term(text: str, problems: list[str]) -> LossTerm | None:
    weight, star, name = text.rpartition("*")
    spec = LOSSES.read(name, problems)
    try:
        factor = float(weight) if star else 1.0
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        problems.append(f"a weight must be a number above 0, not {weight.strip()!r}")
    return None if spec is None else LossTerm(factor, spec)


def register_loss(
    target: Any = None,
    *,
    name: str | None = None,
    help: str | None = None,
    is_factory: bool = False,
    min_patch: int | Callable[[Values], int] = 1,
    stands_alone: bool = True,
    suits_noise: bool = False,
) -> Any:
    """Make a function usable in --loss (decorator, with or without arguments).

    Args:
        target: a function (reference, sr, *, options) -> (batch,) values. The images are (batch, height, width, channels) tensors in
            [0, 1]; keyword-only arguments with a number, a bool or a text as their default are its options.
        name: what --loss calls it; the function's own name unless given.
        help: a line for --list=losses; the first line of the docstring unless given.
        is_factory: the target is called as target(context, *, options) with a `visionfw.losses.LossContext` (the scale, the feature
            weights), and returns the function (reference, sr).
        min_patch: side in pixels of the smallest HR patch that it works on, or a function that returns it from the values of the options.
        stands_alone: minimizing it alone reproduces the reference.
        suits_noise: it may be used to train diffusion models, where it compares noise.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken or cannot be written in --loss, or the target is not callable.

    Example:
        ```python
        @vf.register_loss
        def power(reference, sr, *, exponent=1.5):
            return keras.ops.mean(keras.ops.abs(reference - sr) ** exponent, axis=(1, 2, 3))

        # --loss=l1+0.1*power:exponent=3
        ```
    """
    return LOSSES.register(
        target,
        name=name,
        help=help,
        is_factory=is_factory,
        min_patch=min_patch if callable(min_patch) else lambda _: min_patch,
        stands_alone=stands_alone,
        suits_noise=suits_noise,
    )
