"""Optimizers and learning-rate schedules by name.

An optimizer is a class of Keras optimizers; a schedule is a function (peak, steps, *, options) that returns a number or one of Keras'
schedules. `build.build_optimizer` and `schedules.build_learning_rate` make them from a parsed flag.

A new optimizer or schedule is one entry here; `vf.register_optimizer` and `register_schedule` add one from outside.
"""

from __future__ import annotations

import math
from typing import Any

from visionfw.errors import RequestError
from visionfw.registry import Entry, Option, Registry, number, switch


def _decay(default: float, help: str = "") -> Option:
    def parse(text: str) -> float:
        value = float(text)
        if not 0 <= value < 1:
            raise ValueError(text)
        return value

    return Option(default, parse, "a number of at least 0 and below 1", help)


_ADAM = {
    "beta_1": _decay(0.9, "decay of the mean gradient"),
    "beta_2": _decay(0.999, "decay of the mean squared gradient"),
    "epsilon": number(1e-7, "keeps the division stable", above=0),
}

OPTIMIZERS: Registry[Entry] = Registry(
    "optimizer",
    [
        Entry(name="adam", target="keras.optimizers:Adam", help="Adam", options=_ADAM),
        Entry(
            name="adamw",
            target="keras.optimizers:AdamW",
            help="Adam with decoupled weight decay",
            options={"weight_decay": number(0.004, minimum=0)} | _ADAM,
        ),
        Entry(
            name="muon",
            target="visionfw.optimizers.muon:Muon",
            help="Muon for all convolution kernels but the first, Adam for the rest",
            options={"momentum": _decay(0.95, "of the orthogonalized steps")} | _ADAM,
        ),
        Entry(
            name="sgd",
            target="keras.optimizers:SGD",
            help="stochastic gradient descent with momentum",
            options={"momentum": _decay(0.9), "nesterov": switch(False)},
        ),
        Entry(
            name="rmsprop",
            target="keras.optimizers:RMSprop",
            help="RMSprop",
            options={"rho": _decay(0.9, "decay of the mean squared gradient"), "momentum": _decay(0.0), "epsilon": _ADAM["epsilon"]},
        ),
    ],
)

_FINAL = number(0.0, "last learning rate / --learning_rate", minimum=0, maximum=1)

SCHEDULES: Registry[Entry] = Registry(
    "schedule",
    [
        Entry(name="constant", target="visionfw.optimizers.schedules:constant", help="the learning rate as given"),
        Entry(name="cosine", target="visionfw.optimizers.schedules:cosine", help="half a cosine from the learning rate down to 0", options={"final": _FINAL}),
        Entry(
            name="cosine_restarts",
            target="visionfw.optimizers.schedules:cosine_restarts",
            help="several half cosines in a row, each starting at a fraction of the previous start",
            options={"cycles": number(4, minimum=1, whole=True), "factor": number(0.5, "start of a cycle / start of the one before", above=0, maximum=1)},
        ),
        Entry(name="linear", target="visionfw.optimizers.schedules:linear", help="a straight line from the learning rate down to 0", options={"final": _FINAL}),
        Entry(
            name="step",
            target="visionfw.optimizers.schedules:step",
            help="multiplied by a factor at evenly spaced steps, by default at 1/2, 2/3 and 5/6 of the run",
            options={
                "first": number(0.5, "the first drop, as a part of the run", above=0, maximum=1),
                "drops": number(3, minimum=1, whole=True),
                "factor": number(0.5, "rate after a drop / before", above=0, maximum=1),
            },
        ),
    ],
)


def register_optimizer(target: Any = None, *, name: str | None = None, help: str | None = None) -> Any:
    """Make a class of Keras optimizers usable in --optimizer (decorator, with or without arguments).

    Args:
        target: the class; it is called as target(learning_rate, **options) with the arguments that all Keras optimizers take, such as
            global_clipnorm and use_ema. Keyword-only arguments with a number, a bool or a text as their default are its options.
        name: what --optimizer calls it; the class's own name unless given.
        help: a line for --list=optimizers; the first line of the docstring unless given.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken or cannot be written in --optimizer, or the target is not a class.

    Example:
        ```python
        @vf.register_optimizer(name="lion")
        class Lion(keras.optimizers.Lion):
            def __init__(self, learning_rate, *, beta_1=0.9, beta_2=0.99, **arguments):
                super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, **arguments)

        # --optimizer=lion:beta_2=0.98
        ```
    """
    if target is None:
        return lambda optimizer: register_optimizer(optimizer, name=name, help=help)
    if not isinstance(target, type):
        raise RequestError(f"register_optimizer takes a class of Keras optimizers, not {target!r}")
    return OPTIMIZERS.register(target, name=name, help=help)


def register_schedule(target: Any = None, *, name: str | None = None, help: str | None = None) -> Any:
    """Make a function usable in --schedule (decorator, with or without arguments).

    Args:
        target: a function (peak, steps, *, options) of the highest learning rate and the number of steps that returns a number or a
            keras.optimizers.schedules.LearningRateSchedule. Keyword-only arguments with a default are its options.
        name: what --schedule calls it; the function's own name unless given.
        help: a line for --list=schedules; the first line of the docstring unless given.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken or cannot be written in --schedule, or the target is not callable.
    """
    return SCHEDULES.register(target, name=name, help=help)


def parse_layer_lr(text: str, flag: str = "layer_lr") -> tuple[tuple[str, float], ...]:
    """Parse multipliers of the learning rate of some layers: 'conv_tail=0.1,head*=0.5'.

    Args:
        text: what the user wrote; "" for none.
        flag: the flag that it was written for, for messages.

    Returns:
        (pattern of layer names, multiplier) pairs in their order.

    Raises:
        RequestError: a part is not PATTERN=FACTOR with a factor of at least 0, or a pattern is given twice; all problems are reported.
    """
    pairs: list[tuple[str, float]] = []
    problems: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        pattern, _, value = (side.strip() for side in part.rpartition("="))
        try:
            multiplier = float(value)
        except ValueError:
            multiplier = math.nan
        if not pattern or math.isnan(multiplier):
            problems.append(f"{part!r} is not PATTERN=FACTOR; several are joined by commas: conv_tail=0.1,head*=0.5")
        elif not 0 <= multiplier < math.inf:
            problems.append(f"the factor of {pattern!r} must be a number of at least 0, not {value}")
        elif pattern in dict(pairs):
            problems.append(f"{pattern} is given twice")
        pairs.append((pattern, multiplier))
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return tuple(pairs)
