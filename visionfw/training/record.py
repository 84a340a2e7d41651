"""What a run directory says of its run: configuration, dictionary, cost, data and versions."""

from __future__ import annotations

import contextlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from visionfw.backend import backend_name
from visionfw.config import to_record, to_toml
from visionfw.errors import VisionfwError, brief
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.language.ir import to_dictionary
from visionfw.io.files import write_json, write_text
from visionfw.runs.checkpoints import save_weights
from visionfw.runs.directory import Run
from visionfw.runs.own_members import keep_sources, own_members
from visionfw.training.models import TrainingModels, build_float32
from visionfw.training.setup import Plan

_PACKAGES = ("visionfw", "keras", "tensorflow", "jax", "torch", "numpy", "pillow")


def record_of(plan: Plan) -> dict[str, Any]:
    """Return what run.json holds from the start: the request, its settled configuration, the model's cost, the data, the versions."""
    cost, store = compute_cost(plan.checked), plan.patches.store
    return {
        "request": to_record(plan.request),
        "config": to_record(plan.config),
        "command": " ".join(sys.argv),
        "steps": plan.steps,
        "precision": plan.policy,
        "weights": f"averaged, decay {plan.config.optimizer.ema:g}" if plan.config.optimizer.ema else "raw",
        "parameters": cost.params,
        "multiply_adds": cost.multiply_adds,
        **({"registered": members} if (members := _own_members(plan)) else {}),
        "data": {"fingerprint": store.fingerprint(), "images": len(store), "patches": len(plan.patches)},
        "versions": _versions(),
    }


def _own_members(plan: Plan) -> dict[str, str]:
    checked = [plan.checked] if plan.discriminator is None else [plan.checked, plan.discriminator]
    return {name: file for one in checked for name, file in own_members(one).items()}


def write_models(plan: Plan, models: TrainingModels, run: Run) -> None:
    """Write config.toml and the models that a run starts from, except for those that were written before a kill."""
    if not run.config.exists():
        write_text(run.config, to_toml(plan.config, without=("run_dir",)))
    if not run.model.exists():
        write_json(run.model, to_dictionary(plan.checked.definition))
    if plan.discriminator is not None and not run.discriminator.exists():
        write_json(run.discriminator, to_dictionary(plan.discriminator.definition))
    if plan.checked.has_function_blocks and not run.architecture.exists():
        write_text(run.architecture, build_float32(plan).to_json())
    keep_sources(run, _own_members(plan))
    if plan.initial is not None and not run.initial.exists():
        save_weights(models.model, run.initial)


def record_early_end(run: Run, error: BaseException) -> None:
    """Record how a run ended early; where the disk refuses, the error under way is reported instead."""
    with contextlib.suppress(VisionfwError):
        run.update(state="interrupted" if isinstance(error, KeyboardInterrupt) else "failed", reason=brief(error))


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "backend": backend_name()}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
