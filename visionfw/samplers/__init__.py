"""Patch samplers: they decide which patches a training step sees. They know patch numbers only, neither images nor models.

`SAMPLERS` is the table of everything that `--sampler` can name. A new sampler is a class, derived from `Sampler`, and one entry here;
`vf.register_sampler` adds one from outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionfw.errors import RequestError, unknown
from visionfw.registry import Entry, Registry, Spec, choice, number
from visionfw.samplers.sampler import Sampler
from visionfw.samplers.scores import SCORES, PatchScore


@dataclass(frozen=True, kw_only=True)
class SamplerEntry(Entry):
    """A sampler that `--sampler` can name.

    Attributes:
        round_patches: patches of a round unless `--round_patches` is given; 0 for all patches between two validations.
        is_uniform: it draws every patch with the same probability, so there is nothing to record.
    """

    round_patches: int = 1600
    is_uniform: bool = False


def _entry(name: str, target: str, help: str, **facts: Any) -> SamplerEntry:
    return SamplerEntry(name=name, target=f"visionfw.samplers.{target}", help=help, **facts)


def _fraction(default: float) -> Any:
    return number(default, "fraction of the patches", above=0, maximum=1)


def _warm_fraction(default: float) -> Any:
    return number(default, "part of the run during which the fraction stays", minimum=0, maximum=1)


SAMPLERS: Registry[SamplerEntry] = Registry(
    "sampler",
    [
        _entry("uniform", "uniform:Uniform", "every patch with the same probability", round_patches=0, is_uniform=True),
        _entry(
            "psnr_gain",
            "psnr_gain:PSNRGain",
            "adaptive: after each round, probability among the drawn patches is redistributed towards low scores",
            options={
                "score": choice(*SCORES, help="what it learns from: the PSNR gain over bicubic, the PSNR, or the loss"),
                "start": choice("uniform", "bicubic", help="the first probabilities: equal ones, or high where bicubic's PSNR is low"),
                "uniform": number(0.0, "fraction of each draw that is drawn uniformly", minimum=0, maximum=1),
                "bins": number(50, "histogram bins", minimum=1, whole=True),
            },
        ),
        _entry(
            "low_psnr_static",
            "subset:LowPSNR",
            "only the fraction of patches with the lowest PSNR of plain interpolation, as SamplingAug (BMVC 2021)",
            options={"fraction": _fraction(0.1), "by": choice("bilinear", "bicubic", help="the interpolation")},
        ),
        _entry(
            "flatness",
            "subset:Flatness",
            "only patches with enough contrast",
            options={"min_deviation": number(8.0, "lowest standard deviation of luma, gray levels", minimum=0)},
        ),
        _entry(
            "widening",
            "widening:Widening",
            "curriculum: the fraction of patches with the lowest bicubic PSNR (or by=headroom: the most headroom), later widening to all patches",
            options={
                "fraction": _fraction(0.25),
                "warm_fraction": _warm_fraction(0.5),
                "by": choice("bicubic", "headroom", help="the statistic"),
            },
        ),
        _entry(
            "hardest",
            "widening:Hardest",
            "adaptive curriculum: the fraction of patches with the lowest PSNR of the model itself, widening in the same way",
            options={"fraction": _fraction(0.25), "warm_fraction": _warm_fraction(0.2)},
        ),
        _entry(
            "headroom",
            "widening:Headroom",
            "adaptive curriculum by recoverable error: the squared error removed by one back-projection step, then by the model, widening in the same way",
            options={"fraction": _fraction(0.25), "warm_fraction": _warm_fraction(0.2)},
        ),
    ],
    SamplerEntry,
)


def create(spec: Spec, count: int, *, seed: int, rounds: int, measure: Callable[[str], np.ndarray]) -> Sampler:
    """Create a sampler.

    Args:
        spec: its name and options, as `SAMPLERS.parse` returns them.
        count: number of patches.
        seed: seed of its random numbers.
        rounds: number of draws of the whole run.
        measure: returns a statistic of every patch that is known before training, (count,) float32: "bicubic_psnr" or "bilinear_psnr"
            (dB, of plain interpolation), "headroom" (squared error that one step of back-projection removes), "deviation" (of luma, gray
            levels). It is called only for statistics that the sampler needs.

    Raises:
        RequestError: the options leave no patch to draw.
    """
    sampler = SAMPLERS.load(spec.name)
    parameters = inspect.signature(sampler).parameters
    context = {"rounds": rounds, "measure": measure}
    return sampler(count, seed, **spec.options, **{name: value for name, value in context.items() if name in parameters})


def score_of(spec: Spec) -> PatchScore | None:
    """Return what a sampler learns from: its option `score`, else its class's attribute of that name; None where it does not learn.

    Raises:
        RequestError: there is no such score.
    """
    name = spec.options.get("score", SAMPLERS.load(spec.name).score)
    if name not in (None, *SCORES):
        raise RequestError(f"--sampler: {spec.name}: {unknown('score', name, SCORES)}")
    return None if name is None else SCORES[name]


def register_sampler(target: Any = None, *, name: str | None = None, help: str | None = None, round_patches: int = 1600) -> Any:
    """Add a sampler that `--sampler` can name (decorator, with or without arguments).

    Args:
        target: a class, called with (n, seed, *, options): the number of patches, the seed, and its options, which are its keyword-only
            arguments with a number, a bool or a text as default. It may also have keyword-only arguments `rounds` (number of draws of the
            whole run) and `measure` (see `create`) without a default. Its instances have the methods draw, update, priority, state and
            restore, and its attribute `score` is "gain", "psnr", "loss" or None, all as in `vf.samplers.Sampler`, from which it may be derived.
        name: what users write; the class's name unless given.
        help: a line for `--list`; the first line of the docstring unless given.
        round_patches: patches of a round unless `--round_patches` is given; 0 for all patches between two validations.

    Raises:
        RequestError: the name is taken, a method is missing, or the score is unknown.

    Example:
        ```python
        @vf.register_sampler
        class EverySecond(vf.samplers.Sampler):
            '''Every second patch.'''

            def __init__(self, n, seed=0, *, offset=0): ...

        # --sampler=EverySecond:offset=1
        ```
    """
    if target is None:
        return lambda sampler: register_sampler(sampler, name=name, help=help, round_patches=round_patches)
    missing = [method for method in ("draw", "update", "priority", "state", "restore", "score") if not hasattr(target, method)]
    if missing:
        raise RequestError(f"a sampler is a class with draw, update, priority, state, restore and score; {target!r} lacks {', '.join(missing)}")
    if target.score not in (None, *SCORES):
        raise RequestError(f"{target.__name__}: {unknown('score', target.score, SCORES)}")
    return SAMPLERS.register(target, name=name, help=help, round_patches=round_patches)


def __getattr__(name: str) -> Any:
    """Return a sampler's class, such as `vf.samplers.PSNRGain`, by the table."""
    for entry in map(SAMPLERS.get, SAMPLERS):
        if isinstance(entry.target, str) and entry.target.endswith(f":{name}"):
            return entry.load()
    raise AttributeError(f"module 'visionfw.samplers' has no attribute {name!r}")
