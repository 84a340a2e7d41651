"""Everything a training needs, opened and checked before its run directory exists."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from visionfw.backend.precision import choose_precision
from visionfw.config import with_flags
from visionfw.data.cache import open_headers, open_sets
from visionfw.data.color_statistics import mean_and_deviation
from visionfw.data.datasets import ImageSet, limit_images, rescaled
from visionfw.data.datasets.standard import count_mismatch
from visionfw.data.patches import PatchSource
from visionfw.data.patches.noise import NoisePatches
from visionfw.errors import RequestError, VisionfwError, some
from visionfw.evaluation.protocol import EvalImage, Protocol, load_eval_image
from visionfw.gan.discriminator import load_discriminator
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.transforms import initialized, standardized
from visionfw.io.paths import cache_folder
from visionfw.io.progress import ProgressReporter
from visionfw.layers.initializers import keras_initializer
from visionfw.losses import LOSSES
from visionfw.metrics.feature_weights import find_weights
from visionfw.samplers import SAMPLERS, score_of
from visionfw.training.config import TrainConfig
from visionfw.training.levels import level_scales, level_side
from visionfw.training.preflight import Preflight

_DEFAULT_STEPS = 6000
_PATCH_SIDES = 12, 24  # LR pixels, smallest and largest default
_BATCH = 8  # of the largest default patches
Log = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Everything a training needs.

    Attributes:
        request: what was asked for.
        config: the same with every open value settled.
        checked: the model's dictionary.
        policy: Keras' dtype policy.
        patches: the training patches.
        eval_images: the validation images.
        steps: steps of the whole run.
        validate_steps: steps between validations.
        round_steps: steps of a round: patches are drawn once a round; it divides `validate_steps`.
        discriminator: the discriminator's dictionary; None in plain training.
        initial: file of the weights that training starts from; None for the initializers'.
        statistics: statistics of every patch computed so far, by name.
    """

    request: TrainConfig
    config: TrainConfig
    checked: Checked
    policy: str
    patches: PatchSource
    eval_images: tuple[EvalImage, ...]
    steps: int
    validate_steps: int
    round_steps: int
    discriminator: Checked | None = None
    initial: Path | None = None
    statistics: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Rounds of the whole run; the last may be a short one."""
        return -(-self.steps // self.round_steps)


def prepare(flight: Preflight, log: Log, steps: int | None = None, *, decode: bool = True) -> Plan:
    """Check the model, open the data and settle every value that depends on them; nothing but decoded images is written.

    Args:
        flight: what is known without a framework.
        log: called with each line for the user.
        steps: of the run, where it is known already: of a resumed one.
        decode: decode the training images into the cache; else only their headers are read, nothing is written, and all patches are noise.
    """
    for line in flight.notes:
        log(line)
    checked = _checked_model(flight, log)
    config = with_flags(flight.config, {"patch_size": flight.config.data.patch_size or _half_of_receptive_field(checked)})
    levels = level_scales(checked) if len(checked.flat.outputs) > 1 else {}
    sides = [level_side(name, level, config.data.patch_size) for name, level in levels.items()]
    if levels:
        log("outputs beside sr: " + ", ".join(f"{name} at x{float(level):g}" for name, level in levels.items()) + "; each is compared with the shrunk HR image")
    _check_loss(config, checked.definition, min([*sides, config.data.patch_size * config.model.scale]))
    discriminator = load_discriminator(config.gan, checked, config.data.patch_size) if config.gan is not None else None
    if discriminator is not None and flight.initial is None:
        log("adversarial training from random weights: it usually starts from a run trained without a discriminator (--init_from=RUN)")
    eval_images = _open_validation(flight, checked.definition.color, log)
    patches = _open_patches(flight, config, log, decode)
    config = _with_batch_size(config, len(patches))
    if config.model.standardize_input:
        checked = _standardized(checked, patches if decode else None, flight, log)
    draft = Plan(flight.request, config, checked, choose_precision(config.runtime.precision), patches, eval_images, 0, 0, 0, discriminator, flight.initial)
    plan = with_steps(draft, steps or _steps_of(config, len(patches)))
    if not SAMPLERS.get(config.sampler.sampler.name).is_uniform:
        log(f"sampler {config.sampler.sampler.name}: rounds of {plan.round_steps * config.budget.batch_size} patches")
    return plan


def with_steps(plan: Plan, steps: int) -> Plan:
    """Return a plan for another number of steps."""
    validate_steps = validation_interval(plan.config, steps)
    return replace(plan, steps=steps, validate_steps=validate_steps, round_steps=_round_steps(plan.config, validate_steps))


def _steps_of(config: TrainConfig, patches: int) -> int:
    """Return the steps of a run; of one that is limited in minutes a preliminary number, until steps are timed."""
    if config.budget.epochs is not None:
        return max(1, config.budget.epochs * patches // config.budget.batch_size)
    return config.budget.steps or _DEFAULT_STEPS


def validation_interval(config: TrainConfig, steps: int) -> int:
    """Return the steps between validations of a run of so many steps: the request's, or a tenth of the run."""
    return min(config.budget.validate_every or max(1, -(-steps // 10)), steps)


def _round_steps(config: TrainConfig, validate_steps: int) -> int:
    """Return the steps of a round: the divisor of the validation interval that comes nearest to the number of patches asked for."""
    patches = config.sampler.round_patches or SAMPLERS.get(config.sampler.sampler.name).round_patches
    target = patches / config.budget.batch_size or validate_steps
    divisors = [count for count in range(1, validate_steps + 1) if validate_steps % count == 0]
    return min(divisors, key=lambda count: abs(math.log(count / target)))


# --- the model --------------------------------------------------------------------------------------------------------


def _checked_model(flight: Preflight, log: Log) -> Checked:
    """Check the dictionary, and that it can be trained as requested."""
    config, definition = flight.config, flight.definition
    if config.model.initializer is not None:
        definition = initialized(definition, keras_initializer(config.model.initializer))
        if definition == flight.definition:
            raise RequestError(f"--initializer: {definition.name} has no kernel whose initial values its dictionary leaves open")
    checked = examine(definition, config.model.scale, flight.source.functions)
    _check_trainable(checked, config)
    if checked.definition.pre_upsample and "pre_upsample" not in flight.source.dictionary:
        log(f"{checked.definition.name} keeps the image's size, so its input is the LR image upscaled by bicubic")
    return checked


def _check_trainable(checked: Checked, config: TrainConfig) -> None:
    """Refuse models that cannot be trained for super-resolution, or not as requested."""
    definition = checked.definition
    outputs = [name for name, _ in definition.graph.outputs]
    if checked.scale is None:
        raise RequestError(f"{definition.name}: its output is no image, so it cannot be trained for super-resolution by itself")
    if definition.prediction_type is not None:
        _check_diffusion(config, definition)
    elif len(definition.graph.inputs) > 1 or "sr" not in outputs:
        raise RequestError(
            f"{definition.name}: train.py trains models of one input whose output (or one of them) is named 'sr', and diffusion models: "
            "inputs 'lr', 'noisy' and 'noise_level' or 'step', output 'noise' or 'velocity'"
        )
    elif len(outputs) > 1 and config.gan is not None:
        raise RequestError(f"{definition.name}: has several outputs ({', '.join(outputs)}), and adversarial training is of one")


def _check_diffusion(config: TrainConfig, definition: Definition) -> None:
    """Refuse what cannot be combined with a diffusion model."""
    name, problems = definition.name, []
    if config.model.standardize_input:
        problems.append(f"--standardize_input cannot be combined with a diffusion model ({name})")
    suitable = [loss for loss in LOSSES if LOSSES.get(loss).suits_noise]
    wrong = [term.spec.name for term in config.loss.loss.terms if term.spec.name not in suitable]
    problems += [f"--loss={loss}: {name} is a diffusion model, whose loss compares noise: {', '.join(suitable)}" for loss in wrong]
    if definition.color != "rgb":
        problems.append(f"{name}: a diffusion model makes RGB images, not luma")
    score = score_of(config.sampler.sampler)
    if score is not None and score.name == "loss":
        problems.append("--sampler: the loss of predicted noise does not measure how hard a patch is; use score=psnr or gain")
    if config.runtime.devices > 1:
        problems.append("--devices: a diffusion model is trained on one device")
    if problems:
        raise RequestError("\n".join(problems))


def _half_of_receptive_field(checked: Checked) -> int:
    """Return the default side of LR patches: small patches are more varied, and pixels outside the receptive field are of no use."""
    field_size = compute_cost(checked).receptive_field / ((checked.scale or 1) if checked.definition.pre_upsample else 1)
    smallest, largest = _PATCH_SIDES
    side = largest if math.isinf(field_size) else min(largest, max(smallest, round(field_size) // 2 // 4 * 4))
    multiple = 1 if checked.definition.pre_upsample else checked.definition.multiple or 1
    return -(-side // multiple) * multiple  # padded patches cost as much as larger ones


def _check_loss(config: TrainConfig, definition: Definition, side: int) -> None:
    """Refuse a loss for which the smallest output of patches, of a side, is too small, or whose feature network has no weights or no colors to compare."""
    flag = "--content_loss" if config.gan is not None and config.gan.content_loss is not None else "--loss"
    loss = config.objective
    problems = [f"{flag}={problem}" for problem in loss.size_problems(side)]
    networks = loss.feature_networks
    if not networks:
        unused = [name for name, value in (("feature_weights", config.loss.feature_weights), ("allow_download", config.loss.allow_download)) if value]
        problems += [f"--{name} belongs to a loss that compares features: vgg" for name in unused]
    for network in networks:
        if definition.color == "y":
            problems.append(f"{flag}={loss}: compares RGB images, and {definition.name} makes luma alone")
        try:
            find_weights(network, f"{flag}={loss}", config.loss.feature_weights, config.loss.allow_download)
        except RequestError as error:
            problems.append(f"{error}; for a pixel loss alone: {flag}=l1")
    if problems:
        raise RequestError("\n".join(problems))


def _standardized(checked: Checked, patches: PatchSource | None, flight: Preflight, log: Log) -> Checked:
    """Return the model between subtracting the training images' mean and adding it again; without patches some mean stands for it."""
    channels = checked.definition.channels
    unknown = [0.5] * channels, [0.25] * channels
    mean, deviation = unknown if patches is None else mean_and_deviation(patches.store, checked.definition.color)
    log("input standardized by mean (deviation): " + ", ".join(f"{a:.4f} ({b:.4f})" for a, b in zip(mean, deviation, strict=True)))
    return examine(standardized(checked.definition, mean, deviation), flight.config.model.scale, flight.source.functions)


# --- the data ---------------------------------------------------------------------------------------------------------


def _with_batch_size(config: TrainConfig, patches: int) -> TrainConfig:
    """Settle the batch size. Raises RequestError where there are fewer patches."""
    usual = max(_BATCH, 2 * round(_BATCH / 2 * (_PATCH_SIDES[1] / config.data.patch_size) ** 2))  # as many pixels as the usual batch, an even number
    batch_size = config.budget.batch_size or min(usual, patches)
    if batch_size > patches:
        raise RequestError(f"--batch_size={batch_size}: there are only {patches} patches")
    return with_flags(config, {"batch_size": batch_size})


def _open_validation(flight: Preflight, color: str, log: Log) -> tuple[EvalImage, ...]:
    """Prepare the validation images; those that cannot be used are reported together, or skipped."""
    protocol = Protocol(color, flight.config.model.scale, flight.degradation)
    images, bad = [], []
    for image_set in flight.val_sets:
        for hr, lr in image_set.pairs(protocol.lr_degradation):
            try:
                images.append(load_eval_image(hr, lr, protocol))
            except VisionfwError as error:
                bad.append(str(error))
    if bad and (flight.config.data.invalid_images == "stop" or not images):
        raise VisionfwError("\n".join([*bad, f"{len(bad)} validation images cannot be used; --invalid_images=skip goes on without them"]))
    if bad:
        log(f"{len(bad)} validation images cannot be used and are skipped: {some(bad)}")
    return tuple(images)


def _open_patches(flight: Preflight, config: TrainConfig, log: Log, decode: bool) -> PatchSource:
    """Open the training images, at their own size and downscaled, and log what they are."""
    data, side = config.data, config.data.patch_size * config.model.scale
    for line in (line for images in (*flight.train_sets, *flight.val_sets) for line in count_mismatch(images)):
        log(line)
    sets = limit_images(flight.train_sets, data.max_images) if data.max_images else list(flight.train_sets)
    padded_side = side if data.small_images == "pad" else 0
    used = [*sets, *rescaled(sets, data.rescale or ())]
    patches: PatchSource
    if decode:
        store = open_sets(used, flight.degradation, cache_folder(data.cache_dir), data.invalid_images, padded_side, ProgressReporter("decoding images"), log)
        patches = PatchSource(store, data.patch_size, data.stride)
    else:
        patches = NoisePatches(open_headers(used, flight.degradation, data.invalid_images, padded_side), data.patch_size, data.stride)
    patches = patches.limited(data.max_patches) if data.max_patches else patches
    for line in _data_lines(sets, patches, flight):
        log(line)
    return patches


def _data_lines(sets: Sequence[ImageSet], patches: PatchSource, flight: Preflight) -> Iterator[str]:
    """Yield what the user should know about the training images."""
    for images in sets:
        yield from images.notes(flight.degradation)
    store = patches.store
    original = store.parts < len(sets)  # not one of the same images downscaled
    more = f" ({len(store) - original.sum()} of them downscaled copies)" if not original.all() else ""
    yield f"{len(store)} images{more}, {len(patches)} patches of {patches.patch_size}x{patches.patch_size}"
    if store.skipped:
        yield f"{len(store.skipped)} files cannot be used and are skipped: {some([f'{path.name} ({reason})' for path, reason in store.skipped])}"
    small = [path.name for path, grid, own in zip(store.paths, patches.grid, original, strict=True) if own and not grid.all()]
    if small:
        yield f"images smaller than a patch, skipped (--small_images=pad pads them): {len(small)} ({some(small)})"
    notes = Counter(note for entry, own in zip(store.format_notes, original, strict=True) if own for note in entry)
    if notes:
        yield f"converted to upright 8-bit RGB: {', '.join(f'{count} {note}' for note, count in notes.most_common())}"
