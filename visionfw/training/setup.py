"""What a training run needs, found and checked before anything is written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from visionfw.backend.precision import choose_precision
from visionfw.config import TrainRequest, read_rescale
from visionfw.data.augmentation import Augmentation, parse_augmentation
from visionfw.data.cache import open_headers, open_sets
from visionfw.data.color_statistics import mean_and_deviation
from visionfw.data.datasets import ImageSet, find_sets, limit_images, rescaled
from visionfw.data.datasets.standard import count_mismatch
from visionfw.data.patches import PatchSource
from visionfw.data.patches.noise import NoisePatches
from visionfw.errors import RequestError, VisionfwError, some
from visionfw.evaluation.protocol import EvalImage, Protocol
from visionfw.evaluation.protocol import prepare as prepare_case
from visionfw.gan.discriminator import read_discriminator
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.language import loader as models
from visionfw.graph.language.initializers import read_initializer
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.transforms import initialized, standardized
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.paths import cache_folder
from visionfw.io.progress import ProgressReporter
from visionfw.losses import LOSSES, parse_loss
from visionfw.metrics.feature_weights import read_feature_weights
from visionfw.metrics.features import weights_of
from visionfw.registry import Spec
from visionfw.runs import directory as runs
from visionfw.runs.directory import Run
from visionfw.samplers import SAMPLERS, score_of

_DEFAULT_STEPS = 6000
_PATCH_SIDES = 12, 24  # LR pixels, least and most, where the user leaves it open
_BATCH = 8  # of the largest of these
Log = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, made and checked before its directory exists.

    Attributes:
        request: what was asked for.
        checked: the model's dictionary.
        policy: Keras' dtype policy.
        source: the training patches.
        augmentation: what is done to them.
        cases: the validation images.
        steps: steps of the whole run.
        validate_steps: steps between validations.
        round_steps: steps of a round: patches are drawn once a round; it divides `validate_steps`.
        sampler: what draws them.
        discriminator: the dictionary of what the model plays against; None for a plain training.
        initial: file of the weights that the model begins with; None for its initializers'.
        measured: what was found out of every patch so far, by name.
    """

    request: TrainRequest
    checked: Checked
    policy: str
    source: PatchSource
    augmentation: Augmentation
    cases: tuple[EvalImage, ...]
    steps: int
    validate_steps: int
    round_steps: int
    sampler: Spec
    discriminator: Checked | None = None
    initial: Path | None = None
    measured: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Rounds of the whole run; the last may be a short one."""
        return -(-self.steps // self.round_steps)


def prepare(request: TrainRequest, log: Log, own: Run | None = None, steps: int | None = None, *, decode: bool = True) -> Plan:
    """Read the model, the data and the validation images; nothing is written.

    Args:
        request: the run's.
        log: called with each line for the user.
        own: the run itself, where it is gone on with: it holds what it began from.
        steps: of the run, where the request says minutes.
        decode: decode the training images into the cache; else only their headers are read, nothing is written, and all patches are noise.
    """
    source, initial = _beginning(request, own)
    if source.note:
        log(source.note)
    checked = _read_model(request, source, log)
    request = replace(request, patch_size=request.patch_size or _half_of_what_it_sees(checked))
    _refuse_objective(request, checked.definition)
    discriminator = read_discriminator(request, checked, log)
    if discriminator is not None and initial is None:
        log("adversarial training from first weights: it mostly begins from a run that was trained without (--init_from=RUN)")
    how = Degradation.parse(request.degradation, request.scale, request.degradation_seed)
    augmentation = parse_augmentation(request.augment)
    train_sets = find_sets(request.train_data, request.data_root, request.scale)
    val_sets = find_sets(request.val_data, request.data_root, request.scale)
    for line in (line for images in (*train_sets, *val_sets) for line in count_mismatch(images)):
        log(line)
    train_sets = limit_images(train_sets, request.most_images) if request.most_images else train_sets
    protocol = Protocol(checked.definition.color, request.scale, how)
    cases = _validation_cases(val_sets, protocol, request.on_bad, log)
    patches = _open_patches(request, train_sets, how, log, decode)
    request = replace(request, batch_size=request.batch_size or min(_usual_batch(request.patch_size), len(patches)))
    if request.batch_size > len(patches):
        raise RequestError(f"--batch_size={request.batch_size}: there are only {len(patches)} patches")
    if request.standardize_input:
        channels = 1 if checked.definition.color == "y" else 3
        mean, deviation = mean_and_deviation(patches.store, checked.definition.color) if decode else ([0.5] * channels, [0.25] * channels)
        checked = examine(standardized(checked.definition, mean, deviation), request.scale, source.functions)
        said = ", ".join(f"{value:.4f} ({spread:.4f})" for value, spread in zip(mean, deviation, strict=True))
        log(f"normalized by mean (deviation): {said}")
    steps = steps or request.steps or _DEFAULT_STEPS
    if request.epochs is not None:
        steps = max(1, request.epochs * len(patches) // request.batch_size)
    validate_steps = validation_distance(request, steps)
    if not request.sampler:  # what can be gained is known by back-projection, which noise and blur lead astray
        request = replace(request, sampler="headroom" if how.is_bicubic and request.scale > 1 else "hardest")
    sampler = SAMPLERS.parse(request.sampler)
    round_steps = _round_steps(request, sampler, validate_steps)
    if not SAMPLERS.get(sampler.name).is_uniform:
        log(f"sampler {sampler.name}: rounds of {round_steps * request.batch_size} patches")
    return Plan(
        request=request,
        checked=checked,
        policy=choose_precision(request.precision),
        source=patches,
        augmentation=augmentation,
        cases=cases,
        steps=steps,
        validate_steps=validate_steps,
        round_steps=round_steps,
        sampler=sampler,
        discriminator=discriminator,
        initial=initial,
    )


def _beginning(request: TrainRequest, own: Run | None) -> tuple[models.Source, Path | None]:
    """Return the dictionary to train, and the weights to begin with."""
    if request.init_from is None:
        return models.load(request.model, dict(request.model_args), request.scale), None
    run = own if own is not None and own.initial.is_file() else runs.find(request.init_from)
    if run.architecture.exists():
        raise RequestError(f"--init_from={request.init_from}: its dictionary has blocks that are Python functions, which a run does not keep")
    dictionary = run.read_model()
    if dictionary.get("scale") != request.scale:
        raise RequestError(f"--init_from={request.init_from}: is of scale {dictionary.get('scale')}, the run of {request.scale}; give --scale")
    if run is not own and not run.best.is_file():
        raise RequestError(f"--init_from={request.init_from}: was never validated, so it has no best weights")
    return models.Source(dictionary, run.model), run.initial if run is own else run.best


def _read_model(request: TrainRequest, source: models.Source, log: Log) -> Checked:
    """Check a dictionary, and that it can be trained as asked for."""
    checked = examine(source.dictionary, request.scale, source.functions)
    _trainable(checked, request)
    initializer = read_initializer(request.initializer)
    if initializer:
        changed = initialized(checked.definition, initializer)
        if changed == checked.definition:
            raise RequestError(f"--initializer: {checked.definition.name} has no kernel whose first values its dictionary leaves open")
        checked = examine(changed, request.scale, source.functions)
    if checked.definition.pre_upsample and "pre_upsample" not in source.dictionary:
        log(f"{checked.definition.name} keeps the image's size: it is given the LR image enlarged by bicubic")
    return checked


def _half_of_what_it_sees(checked: Checked) -> int:
    """Return the side of LR patches that suits a model: small ones are more varied, and more than a model sees of them is of no use."""
    seen = compute_cost(checked).receptive_field / (checked.scale if checked.definition.pre_upsample else 1)
    least, most = _PATCH_SIDES
    return most if math.isinf(seen) else min(most, max(least, round(seen) // 2 // 4 * 4))


def _usual_batch(patch_size: int) -> int:
    """Return how many patches, an even number, have as many pixels as the usual batch's; not fewer than that."""
    return max(_BATCH, 2 * round(_BATCH / 2 * (_PATCH_SIDES[1] / patch_size) ** 2))


def validation_distance(request: TrainRequest, steps: int) -> int:
    """Return the steps between validations of a run of so many: the request's, or a tenth of the run."""
    return min(request.validate_every or max(1, -(-steps // 10)), steps)


def _round_steps(request: TrainRequest, sampler: Spec, validate_steps: int) -> int:
    """Return the steps of a round: what divides the validations' distance and comes nearest to the patches that were asked for."""
    patches = request.round_patches or SAMPLERS.get(sampler.name).round_patches
    wanted = patches / request.batch_size or validate_steps
    divisors = [count for count in range(1, validate_steps + 1) if validate_steps % count == 0]
    return min(divisors, key=lambda count: abs(math.log(count / wanted)))


def _validation_cases(sets: Sequence[ImageSet], protocol: Protocol, on_bad: str, log: Log) -> tuple[EvalImage, ...]:
    """Make the validation images ready; those that cannot be used are told together, or left out."""
    cases, bad = [], []
    for images in sets:
        for hr, lr in images.pairs(protocol.how):
            try:
                cases.append(prepare_case(hr, lr, protocol))
            except VisionfwError as error:
                bad.append(str(error))
    if bad and (on_bad == "stop" or not cases):
        raise VisionfwError("\n".join([*bad, f"{len(bad)} validation images cannot be used; --on_bad=skip goes on without them"]))
    if bad:
        log(f"{len(bad)} validation images cannot be used and are left out: {some(bad)}")
    return tuple(cases)


def _open_patches(request: TrainRequest, sets: Sequence[ImageSet], how: Degradation, log: Log, decode: bool) -> PatchSource:
    """Open the training images, at their own size and at others, and say what they are."""
    least = request.patch_size * request.scale if request.on_small == "frame" else 0
    used = [*sets, *rescaled(sets, read_rescale(request.rescale))]
    patches: PatchSource
    if decode:
        store = open_sets(used, how, cache_folder(request.cache_dir), request.on_bad, least, ProgressReporter("decoding images"), log)
        patches = PatchSource(store, request.patch_size, request.stride)
    else:
        patches = NoisePatches(open_headers(used, how, request.on_bad, least), request.patch_size, request.stride)
    patches = patches.limited(request.most_patches) if request.most_patches else patches
    for line in _told_of_data(sets, patches, how):
        log(line)
    return patches


def _told_of_data(sets: Sequence[ImageSet], patches: PatchSource, how: Degradation) -> Iterator[str]:
    """Yield what is to be told of the training images."""
    for images in sets:
        yield from images.notes(how)
    store = patches.store
    is_own = store.parts < len(sets)  # not one of the same images at another size
    more = f" ({len(store) - is_own.sum()} of them smaller ones made of the others)" if not is_own.all() else ""
    yield f"{len(store)} images{more}, {len(patches)} patches of {patches.patch_size}x{patches.patch_size}"
    if store.skipped:
        yield f"{len(store.skipped)} files cannot be used and are left out: {some([f'{path.name} ({reason})' for path, reason in store.skipped])}"
    small = [path.name for path, grid, own in zip(store.paths, patches.grid, is_own, strict=True) if own and not grid.all()]
    if small:
        yield f"{len(small)} of them smaller than a patch and left out (--on_small=frame frames them): {some(small)}"
    odd = Counter(word for words, own in zip(store.format_notes, is_own, strict=True) if own for word in words)
    if odd:
        yield f"read as RGB of 8 bits, upright: {', '.join(f'{count} {word}' for word, count in odd.most_common())}"


def _refuse_objective(request: TrainRequest, definition: Definition) -> None:
    """Refuse a loss that the patches are too small for, or whose network has no weights or no colors to look at."""
    flag = "--content_loss" if request.content_loss else "--loss"
    loss = parse_loss(request.objective)
    problems = [f"{flag}={problem}" for problem in loss.size_problems(request.patch_size * request.scale)]
    for term in loss.terms:
        network, name = term.entry.feature_network, term.spec.name
        if network is None:
            continue
        problems += [f"{flag}={name}: compares RGB images, and {definition.name} makes luma alone"] if definition.color == "y" else []
        try:
            weights_of(network, f"{flag}={name}", read_feature_weights(request.feature_weights), request.allow_download)
        except RequestError as error:
            instead = f"{flag}=l1" + (" with --adversarial" if request.adversarial else "")
            problems.append(f"{error}; without them, pixels alone: {instead}")
    if problems:
        raise RequestError("\n".join(problems))


def _refuse_with_diffusion(request: TrainRequest, definition: Definition) -> None:
    """Refuse what does not go with a diffusion model."""
    problems = [
        f"--{name}: {definition.name} is a diffusion model, which this does not go with"
        for name in ("adversarial", "standardize_input")
        if getattr(request, name)
    ]
    wrong = [term.spec.name for term in parse_loss(request.loss).terms if not term.entry.suits_noise]
    suitable = ", ".join(name for name in LOSSES if LOSSES.get(name).suits_noise)
    problems += [f"--loss={name}: {definition.name} is a diffusion model, whose loss compares noise; use {suitable}" for name in wrong]
    problems += [f"{definition.name}: a diffusion model makes RGB images, not luma"] if definition.color != "rgb" else []
    score = score_of(SAMPLERS.parse(request.sampler)) if request.sampler else None
    if score is not None and not score.is_of_images:
        problems.append("--sampler: a diffusion model's loss compares noise, not images, so it cannot rank patches; use score=psnr or score=gain")
    problems += ["--devices: a diffusion model is trained on one device"] if request.devices > 1 else []
    if problems:
        raise RequestError("\n".join(problems))


def _trainable(checked: Checked, request: TrainRequest) -> None:
    definition = checked.definition
    if checked.scale is None:
        raise RequestError(f"{definition.name}: its output is no image, so it cannot be trained for super-resolution by itself")
    if definition.prediction_type:
        _refuse_with_diffusion(request, definition)
        return
    if len(definition.graph.inputs) > 1 or "sr" not in dict(definition.graph.outputs):
        raise RequestError(
            f"{definition.name}: train.py trains models of one input whose output (or one of them) is named 'sr', and diffusion models: "
            "inputs 'lr', 'noisy' and 'noise_level' or 'step', output 'noise' or 'velocity'"
        )
    if len(definition.graph.outputs) > 1:
        raise RequestError(f"{definition.name}: has several outputs, and there is no loss for {', '.join(name for name, _ in definition.graph.outputs)}")
    asked = [name for name in ("noise_schedule", "noise_target", "sampling_steps") if getattr(request, name) != getattr(TrainRequest(), name)]
    if asked:
        raise RequestError("\n".join(f"--{name}: belongs to diffusion models, and {definition.name} is none" for name in asked))
