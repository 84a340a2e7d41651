"""Diffusion models: how noise is added in training, what the network predicts, and how an image is sampled from noise.

Three tables hold what flags can name: `NOISE_SCHEDULES`, `TARGETS` and `SAMPLING`. gamma is the fraction of the image in the variance of
the noisy image (alpha bar in DDPM): 1 without noise, nearly 0 at the last step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.diffusion.noise_schedule import NoiseSchedule, schedule_problems
from visionfw.errors import RequestError
from visionfw.registry import Entry, Option, Registry, number

_LINEAR_STEPS, _LINEAR_FIRST, _LINEAR_LAST = 2000, 1e-6, 0.01  # SR3


@dataclass(frozen=True, kw_only=True)
class NoiseScheduleEntry(Entry):
    """A noise schedule that `--noise_schedule` can name: a function from its options to gamma(0) .. gamma(steps), (steps + 1,) float64.

    Attributes:
        resolve: replaces options whose default depends on other options.
    """

    resolve: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict


def _beta(help: str) -> Option:
    """Return an option that takes a beta, or 'auto'."""

    def parse(text: str) -> float | str:
        return "auto" if text == "auto" else float(text)

    return Option("auto", parse, "auto or a number", help)


def _resolve_linear(options: Mapping[str, Any]) -> dict[str, Any]:
    """Let the betas grow where there are fewer steps, so that the last step holds as much noise."""
    growth = _LINEAR_STEPS / options["steps"]
    defaults = {"first": _LINEAR_FIRST * growth, "last": _LINEAR_LAST * growth}
    return dict(options) | {key: value for key, value in defaults.items() if options[key] == "auto"}


def _linear_problems(options: Mapping[str, Any]) -> Iterable[str]:
    first, last = (_resolve_linear(options)[key] for key in ("first", "last"))
    if not (0 < first <= last < 1 and math.isfinite(last)):
        yield f"0 < first <= last < 1 must hold, not first={first:g}, last={last:g}"


NOISE_SCHEDULES: Registry[NoiseScheduleEntry] = Registry(
    "noise schedule",
    [
        NoiseScheduleEntry(
            name="linear",
            target="visionfw.diffusion.noise_schedule:linear_gammas",
            help="beta grows linearly (SR3)",
            options={
                "steps": number(_LINEAR_STEPS, "diffusion steps", minimum=1, whole=True),
                "first": _beta(f"beta of the first step: {_LINEAR_FIRST:g} for {_LINEAR_STEPS} steps"),
                "last": _beta(f"beta of the last step: {_LINEAR_LAST:g} for {_LINEAR_STEPS} steps"),
            },
            check=_linear_problems,
            resolve=_resolve_linear,
        ),
        NoiseScheduleEntry(
            name="cosine",
            target="visionfw.diffusion.noise_schedule:cosine_gammas",
            help="gamma falls as a squared cosine (Nichol and Dhariwal)",
            options={"steps": number(1000, "diffusion steps", minimum=1, whole=True)},
        ),
    ],
    NoiseScheduleEntry,
)

TARGETS: Registry[Entry] = Registry(
    "noise target",
    [
        Entry(name="image", target="visionfw.diffusion.target:IMAGE", help="the HR image in [-1, 1] (SR3)"),
        Entry(
            name="residual",
            target="visionfw.diffusion.target:RESIDUAL",
            help="the HR image minus the bicubic upscaling of the LR image, times 4 (after SRDiff): the colors of the LR image are kept without being learned",
        ),
    ],
)

SAMPLING: Registry[Entry] = Registry(
    "sampling method",
    [
        Entry(
            name="ddim",
            target="visionfw.diffusion.steps:ddim_step",
            help="along the predicted noise; only the initial noise is random (DDIM)",
            options={"eta": number(0.0, "how random each step is; 1 is DDPM", minimum=0, maximum=1)},
        ),
        Entry(name="ddpm", target="visionfw.diffusion.steps:ddpm_step", help="ancestral: fresh noise at every step (DDPM)"),
    ],
)


def parse_noise_schedule(text: str, flag: str = "noise_schedule") -> NoiseSchedule:
    """Parse NAME, or NAME:OPTION=VALUE,... into a noise schedule.

    Args:
        text: what the user wrote: 'linear:steps=500'.
        flag: the flag that it was written for, for messages.

    Raises:
        RequestError: an unknown name or option, a wrong value, or a schedule that does not end in nearly pure noise.
    """
    spec = NOISE_SCHEDULES.parse(text, flag)
    entry = NOISE_SCHEDULES.get(spec.name)
    schedule = NoiseSchedule(spec.name, entry.resolve(spec.options), entry.load())
    problems = schedule_problems(schedule)
    if problems:
        raise RequestError("\n".join(f"--{flag}={text}: {problem}" for problem in problems))
    return schedule


def register_noise_schedule(target: Any = None, *, name: str | None = None, help: str | None = None, **facts: Any) -> Any:
    """Add a noise schedule that `--noise_schedule` can name. A function, or a decorator.

    Args:
        target: a function of keyword-only arguments, `steps` among them, that returns gamma(0) = 1 .. gamma(steps), a falling
            (steps + 1,) array that ends between 1e-15 and 0.05.
        name: what users write; the function's name unless given.
        help: a line for `--list`; the first line of the docstring unless given.
        **facts: further fields of `NoiseScheduleEntry`.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken, or the target is not callable.
    """
    return NOISE_SCHEDULES.register(target, name=name, help=help, **facts)


def register_sampling(target: Any = None, *, name: str | None = None, help: str | None = None) -> Any:
    """Add a denoising step that `--sampling` can name. A function, or a decorator.

    Args:
        target: (noisy, x0, gamma, next_gamma, fresh, **options) -> the image with the noise of `next_gamma`, as in
            `visionfw.diffusion.steps`; its keyword-only arguments are its options.
        name: what users write; the function's name unless given.
        help: a line for `--list`; the first line of the docstring unless given.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken, or the target is not callable.
    """
    return SAMPLING.register(target, name=name, help=help)
