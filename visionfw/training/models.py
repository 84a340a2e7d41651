"""What learns, and on what: the compiled model with its loss, optimizer and metrics, and the batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from visionfw.backend.capabilities import jit_compile, runs_operations_concurrently, uses_tf_data
from visionfw.backend.devices import processors
from visionfw.backend.memory import keep_freed_memory
from visionfw.backend.randomness import seeded
from visionfw.backend.threads import share_cores
from visionfw.data.batches import BatchSource
from visionfw.data.patches import statistics
from visionfw.data.pipeline import as_dataset, as_rounds
from visionfw.diffusion.noise_schedule import NoiseSchedule, Target, read_noise_schedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.diffusion.training import Diffusion
from visionfw.errors import RequestError, brief
from visionfw.gan.discriminator import build_discriminator
from visionfw.gan.optimizer import GanOptimizer
from visionfw.gan.training import FIGURES, Adversarial
from visionfw.graph.analysis.receptive_field import side_multiple
from visionfw.graph.build import compile_model
from visionfw.inference.upscaler import Upscaler
from visionfw.io.progress import ProgressReporter
from visionfw.layers.uint8_images import uint8_inputs, uint8_targets
from visionfw.losses import Loss, LossContext, parse_loss
from visionfw.metrics.feature_weights import read_feature_weights
from visionfw.metrics.tensors import psnr_per_image
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.optimizers.build import build_optimizer
from visionfw.optimizers.layer_lr import layer_lr_multipliers
from visionfw.optimizers.schedules import build_learning_rate
from visionfw.runs.checkpoints import load_weights, precision
from visionfw.samplers import create, score_of
from visionfw.training.parallel import Parallel, start
from visionfw.training.scores import PatchValues
from visionfw.training.setup import Plan

_MOST_PARTS = 4


@dataclass(frozen=True)
class TrainingModels:
    """What learns.

    Attributes:
        model: LR in [0, 1] to SR.
        twin: the same in float32, which is validated and kept; `model` itself where that is in float32 and no average is kept.
        learner: shares the model's weights, reads uint8 patches, and has the loss and the optimizer.
        parallel: how batches are shared out.
        scores: of the patches of a round; None where the sampler learns nothing.
    """

    model: keras.Model
    twin: keras.Model
    learner: keras.Model
    scores: PatchValues | None
    parallel: Parallel

    @property
    def figures(self) -> tuple[str, ...]:
        """What a round tells: the names of Keras' logs that are kept."""
        return ("loss", "psnr", *(FIGURES if self.judge is not None else ()))

    @property
    def watched(self) -> str:
        """The figure that must not explode."""
        return "content" if self.judge is not None else "loss"

    @property
    def judge(self) -> keras.Model | None:
        """The discriminator; None in a plain training."""
        return self.learner.discriminator if isinstance(self.learner, Adversarial) else None

    @property
    def keeps_last(self) -> bool:
        """What was learned last counts, not what has the best PSNR: a game, or a model that draws one of many images, is not for that."""
        return self.judge is not None or self.takes_both

    @property
    def takes_both(self) -> bool:
        """The learner puts noise into the HR patches itself."""
        return isinstance(self.learner, Diffusion)


def compile_for_training(plan: Plan, rate_factor: float = 1.0) -> TrainingModels:
    """Build the model under the plan's policy, ready to learn at a learning rate of `rate_factor` times the request's."""
    parallel = start(plan.request.devices, plan.request.batch_size)
    with seeded(plan.request.seed), parallel.active():
        return _compile(plan, rate_factor, parallel)


def _compile(plan: Plan, rate_factor: float, parallel: Parallel) -> TrainingModels:
    request, color = plan.request, plan.checked.definition.color
    keep_freed_memory()
    parts = _parts(plan)
    model = _build(plan)
    loss = content_loss(plan)
    if plan.checked.definition.prediction_type:
        learner, loss = Diffusion(model, *refining(plan), loss, request.seed, parts), None
    else:
        learner, loss = uint8_inputs(model, color, parts), uint8_targets(loss, color)
    optimizing = _optimizer(plan, model, rate_factor)
    if plan.discriminator is not None:
        with precision(plan.policy):
            judge = build_discriminator(plan.discriminator)
        learner = Adversarial(learner, judge, request.adversarial, request.adversarial_weight, color, request.seed)
        optimizing = GanOptimizer(optimizing, _discriminator_optimizer(plan, rate_factor), judge.trainable_variables)
    metrics = _metrics(plan, loss, uint8_targets(psnr_per_image, color))
    optimizing.build(learner.trainable_variables)  # built inside the first step, it would have that step traced twice
    learner.compile(optimizing, loss=loss, metrics=metrics, jit_compile=jit_compile())
    with parallel.alone():
        twin = model if plan.policy == "float32" and not request.ema and parallel.distribution is None else float32_twin(plan)
    return TrainingModels(model, twin, learner, next((metric for metric in metrics if isinstance(metric, PatchValues)), None), parallel)


def _build(plan: Plan) -> keras.Model:
    """Build the model, with the weights that it begins with."""
    model, name = None, plan.checked.definition.name
    try:
        with precision(plan.policy):
            model = compile_model(plan.checked)
        made = model(_example(model, plan.request.patch_size, plan.request.scale), training=False)
        if plan.checked.definition.prediction_type and made.shape[1] != plan.request.patch_size * plan.request.scale:
            raise ValueError("what it tells is not as large as the noisy image")
    except Exception as error:  # what only Keras finds, building a layer or running it
        of = side_multiple(model, plan.request.scale) if model else 1
        if plan.request.patch_size % of:
            raise RequestError(f"--patch_size={plan.request.patch_size}: must be a multiple of {of}, by the strides of {name}") from error
        raise RequestError(f"{name} cannot be built: {brief(error)}") from error
    if plan.initial is not None:
        load_weights(model, plan.initial)
    return model


def _example(model: keras.Model, side: int, scale: int) -> Any:
    """Return zeros of the shape of one patch, for every input of a model."""

    def zeros(tensor: Any) -> np.ndarray:
        length = side * scale if tensor.name == "noisy" else side
        return np.zeros([1, *(length if size is None else size for size in tensor.shape[1:])], np.float32)

    return keras.tree.map_structure(zeros, model.input)


def refining(plan: Plan) -> tuple[NoiseSchedule, Target, int]:
    """Return how a diffusion model's noise grows, what it is put into, and the scale."""
    target = Target(plan.request.noise_target, plan.checked.definition.prediction_type)
    return read_noise_schedule(plan.request.noise_schedule), target, plan.request.scale


def upscaler(plan: Plan, model: keras.Model) -> Callable:
    """Return what enlarges a validation image, (h, w, channels) in [0, 1]."""
    if plan.checked.definition.prediction_type:
        return DiffusionSampler(model, *refining(plan), plan.request.sampling_steps, seed=plan.request.seed)
    return Upscaler(model)


def _optimizer(plan: Plan, model: keras.Model, rate_factor: float) -> keras.optimizers.Optimizer:
    request = plan.request
    return build_optimizer(
        OPTIMIZERS.parse(request.optimizer),
        build_learning_rate(SCHEDULES.parse(request.schedule), request.learning_rate * rate_factor, plan.steps, request.warmup),
        clip_norm=request.clip_norm,
        clip_value=request.clip_value,
        ema=request.ema,
        layer_lr=layer_lr_multipliers(model, request.layer_rates, "layer_rates"),
    )


def _discriminator_optimizer(plan: Plan, rate_factor: float) -> keras.optimizers.Optimizer:
    request = plan.request
    start = request.discriminator_rate or request.learning_rate
    return build_optimizer(
        OPTIMIZERS.parse(request.discriminator_optimizer),
        build_learning_rate(SCHEDULES.parse(request.schedule), start * rate_factor, plan.steps, request.warmup),
        clip_norm=request.clip_norm,
        clip_value=request.clip_value,
    )


def content_loss(plan: Plan, loss: Loss | None = None) -> Callable:
    """Return the request's loss, or another one, as a function (reference, sr) -> (batch,) of images in [0, 1]."""
    request = plan.request
    context = LossContext(request.scale, read_feature_weights(request.feature_weights), request.allow_download)
    return (loss or parse_loss(request.objective)).build(context)


def _parts(plan: Plan) -> int:
    """Return in how many parts a batch is computed: one a core of a processor, where no layer looks at the batch as a whole."""
    looks_at_all = plan.checked.uses_layer("BatchNormalization") or plan.checked.has_function_blocks
    if looks_at_all or not runs_operations_concurrently():
        return 1
    parts = max(count for count in range(1, min(processors(), _MOST_PARTS) + 1) if plan.request.batch_size % count == 0)
    if parts > 1:
        share_cores(parts)
    return parts  # whether or not the cores are shared out so: a run goes on to the same bits either way


def _metrics(plan: Plan, loss: Callable, psnr: Callable) -> list[keras.metrics.Metric]:
    """Return the training PSNR, and what the sampler learns from, of which the value of every patch is recorded."""
    score, patches = score_of(plan.sampler), plan.round_steps * plan.request.batch_size
    if score is None:
        return [keras.metrics.MeanMetricWrapper(psnr, name="psnr")]
    recorded = PatchValues({"psnr": psnr, "patch_loss": loss}[score.metric], patches, score.metric)
    return [recorded] if score.metric == "psnr" else [keras.metrics.MeanMetricWrapper(psnr, name="psnr"), recorded]


def patch_statistic(plan: Plan, name: str) -> np.ndarray:
    """Return a statistic of every patch, (n,) float32, that is known before training, by its name in PATCH_STATISTICS."""
    if name not in plan.measured:
        progress = ProgressReporter(f"measuring patches ({name})")
        plan.measured[name] = statistics.patch_statistic(plan.source, name, plan.checked.definition.color, progress)
    return plan.measured[name]


def feed(plan: Plan, first_round: int = 0, state: Mapping[str, Any] | None = None) -> BatchSource:
    """Return the training batches from a round on, of which `state` is the sampler's."""
    request = plan.request
    sampler = create(plan.sampler, len(plan.source), seed=request.seed, rounds=plan.rounds, measure=partial(patch_statistic, plan))
    if state:
        sampler.restore(state)
    return BatchSource(plan.source, sampler, request.batch_size, plan.round_steps, plan.augmentation, request.seed, first_round)


def as_batches(batches: BatchSource, start: int = 0, parallel: Parallel | None = None, both: bool = False):
    """Return batches from a number on, or this process' part of them, as the backend in use takes them."""
    if uses_tf_data():
        return as_dataset(batches, start, both)
    return as_rounds(batches, start, parallel.share(batches.batch_size) if parallel else slice(None), both)


def float32_twin(plan: Plan) -> keras.Model:
    """Build the same model in float32: validation and evaluate.py measure in float32 whatever training computes in."""
    with precision("float32"):
        return compile_model(plan.checked)
