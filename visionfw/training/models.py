"""The models of a training run: the trained one with its loss, optimizer and metrics, and the float32 copy that is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np

from visionfw.backend.capabilities import jit_compile, runs_operations_concurrently
from visionfw.backend.devices import processors
from visionfw.backend.memory import is_out_of_memory, keep_freed_memory
from visionfw.backend.randomness import seeded
from visionfw.backend.threads import share_cores
from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.diffusion.target import Target
from visionfw.diffusion.training import DiffusionTrainer
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.gan import build_gan_loss
from visionfw.gan.config import GanConfig
from visionfw.gan.discriminator import build_discriminator
from visionfw.gan.optimizer import GanOptimizer
from visionfw.gan.training import GAN_METRICS, GanModel
from visionfw.graph.analysis.receptive_field import side_multiple
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked
from visionfw.inference.upscaler import Upscaler
from visionfw.layers.uint8_images import uint8_inputs, uint8_targets
from visionfw.losses import Loss, LossContext
from visionfw.metrics.tensors import psnr_per_image
from visionfw.optimizers.build import build_optimizer
from visionfw.optimizers.layer_lr import layer_lr_multipliers
from visionfw.optimizers.schedules import build_learning_rate
from visionfw.runs.checkpoints import load_initial_weights, precision
from visionfw.samplers import score_of
from visionfw.training.levels import LevelsModel, level_scales, level_side, loss_at_level
from visionfw.training.parallel import Parallel, start
from visionfw.training.scores import PatchValues
from visionfw.training.setup import Plan

_MAX_CHUNKS = 4  # of a batch; more than four convolutions side by side gained nothing on the processors measured


@dataclass(frozen=True)
class TrainingModels:
    """The models of a training run.

    Attributes:
        model: LR in [0, 1] to SR, under the run's precision.
        eval_model: the same in float32, which is validated and saved; `model` itself where that is in float32 and no average is kept.
        train_model: shares the model's weights, reads uint8 patches, and has the loss and the optimizer.
        scores: records the values of a round's patches for the sampler; None where the sampler does not learn.
        parallel: how batches are shared out among devices and processes.
        remarks: how the weights that training starts from were loaded.
    """

    model: keras.Model
    eval_model: keras.Model
    train_model: keras.Model
    scores: PatchValues | None
    parallel: Parallel
    remarks: tuple[str, ...] = ()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of Keras' logs of a round that are kept."""
        return ("loss", "psnr", *(GAN_METRICS if self.discriminator is not None else ()))

    @property
    def watched_metric(self) -> str:
        """The metric that must not explode."""
        return "content" if self.discriminator is not None else "loss"

    @property
    def discriminator(self) -> keras.Model | None:
        """The discriminator; None in plain training."""
        return self.train_model.discriminator if isinstance(self.train_model, GanModel) else None

    @property
    def keeps_last(self) -> bool:
        """The last weights are the result, not those with the best PSNR, which is not what adversarial and diffusion training are after."""
        return self.discriminator is not None or self.reads_pairs

    @property
    def reads_pairs(self) -> bool:
        """The trained model reads (LR, HR) pairs: a diffusion model adds the noise itself."""
        return isinstance(self.train_model, DiffusionTrainer)


def compile_for_training(plan: Plan, lr_factor: float = 1.0) -> TrainingModels:
    """Build the models under the plan's precision, ready to be trained.

    Args:
        plan: the run's.
        lr_factor: multiplies the learning rate: less than 1 after a rollback.
    """
    parallel = start(plan.config.runtime.devices, plan.config.budget.batch_size)
    with seeded(plan.config.runtime.seed), parallel.active():
        return _compile(plan, lr_factor, parallel)


def _compile(plan: Plan, lr_factor: float, parallel: Parallel) -> TrainingModels:
    keep_freed_memory()
    color, chunks = plan.checked.definition.color, _chunks(plan)
    model, remarks = _build(plan)
    objective, loss = training_loss(plan), None
    if plan.checked.definition.prediction_type is not None:
        train_model = DiffusionTrainer(model, *diffusion_parts(plan), objective, plan.config.runtime.seed, chunks)
    else:
        train_model, loss = uint8_inputs(model, color, chunks), uint8_targets(objective, color)
        levels = _level_losses(plan)
        train_model = LevelsModel(train_model, levels) if levels else train_model
    optimizer = _optimizer(plan, model, lr_factor)
    if plan.config.gan is not None and plan.discriminator is not None:
        train_model, optimizer = _adversarial(plan, plan.config.gan, plan.discriminator, train_model, optimizer, lr_factor)
    optimizer.build(train_model.trainable_variables)  # built inside the first step, it would have that step traced twice
    metrics = _metrics(plan, loss, uint8_targets(psnr_per_image, color))
    train_model.compile(optimizer, loss=loss, metrics=metrics, jit_compile=jit_compile())
    with parallel.alone():
        is_own = plan.policy == "float32" and not plan.config.optimizer.ema and parallel.distribution is None
        eval_model = model if is_own else build_float32(plan)
    scores = next((metric for metric in metrics if isinstance(metric, PatchValues)), None)
    return TrainingModels(model, eval_model, train_model, scores, parallel, remarks)


def _level_losses(plan: Plan) -> dict[str, Callable]:
    """Return the losses of the model's image outputs beside 'sr', against uint8 HR patches."""
    patch_size, scale, color = plan.config.data.patch_size, plan.config.model.scale, plan.checked.definition.color
    losses = {}
    for name, level in level_scales(plan.checked).items() if len(plan.checked.flat.outputs) > 1 else ():
        side = level_side(name, level, patch_size)
        losses[name] = uint8_targets(loss_at_level(training_loss(plan, scale=max(1, round(level))), patch_size * scale, side), color)
    return losses


def _build(plan: Plan) -> tuple[keras.Model, tuple[str, ...]]:
    """Build the model, with the weights that training starts from; return it with remarks on how they were loaded."""
    side, scale = plan.config.data.patch_size, plan.config.model.scale
    with _reporting_build_errors(plan), precision(plan.policy):
        model = compile_model(plan.checked)
    multiple = side_multiple(model, scale)
    if side % multiple:
        reason = f"because of the strides of {plan.checked.definition.name}"
        raise RequestError(f"--patch_size={side}: must be a multiple of {multiple}, {reason}")
    with _reporting_build_errors(plan):
        output = model(_example(model, side, scale), training=False)
        if plan.checked.definition.prediction_type is not None and output.shape[1] != side * scale:
            raise ValueError("its prediction is not as large as the noisy image")
    return model, tuple(load_initial_weights(model, plan.initial)) if plan.initial is not None else ()


@contextmanager
def _reporting_build_errors(plan: Plan) -> Iterator[None]:
    """Turn what only Keras or its backend finds, building a layer or running it, into a wrong request; out of memory stays what it is."""
    try:
        yield
    except Exception as error:  # Keras and the backends raise errors of many kinds
        if is_out_of_memory(error) or isinstance(error, VisionfwError):
            raise
        raise RequestError(f"{plan.checked.definition.name} cannot be built: {brief(error)}") from error


def _example(model: keras.Model, side: int, scale: int) -> Any:
    """Return zeros of the shape of one patch, for every input of a model."""

    def zeros(tensor: Any) -> np.ndarray:
        length = side * scale if tensor.name == "noisy" else side
        return np.zeros([1, *(length if size is None else size for size in tensor.shape[1:])], np.float32)

    return keras.tree.map_structure(zeros, model.input)


def _adversarial(
    plan: Plan, gan: GanConfig, checked: Checked, generator: keras.Model, optimizer: keras.optimizers.Optimizer, lr_factor: float
) -> tuple[keras.Model, keras.optimizers.Optimizer]:
    """Return the generator and a discriminator in one model, and the optimizer of both."""
    with precision(plan.policy):
        discriminator = build_discriminator(checked)
    model = GanModel(
        generator,
        discriminator,
        gan_loss=build_gan_loss(gan.loss),
        adversarial_weight=gan.weight,
        color=plan.checked.definition.color,
        seed=plan.config.runtime.seed,
    )
    return model, GanOptimizer(optimizer, _discriminator_optimizer(plan, gan, lr_factor), discriminator.trainable_variables)


def _optimizer(plan: Plan, model: keras.Model, lr_factor: float) -> keras.optimizers.Optimizer:
    """Return the optimizer of the trained model."""
    settings = plan.config.optimizer
    return build_optimizer(
        settings.optimizer,
        build_learning_rate(settings.schedule, settings.learning_rate * lr_factor, plan.steps, settings.warmup),
        clip_norm=settings.clip_norm,
        clip_value=settings.clip_value,
        ema=settings.ema,
        layer_lr=layer_lr_multipliers(model, tuple(settings.layer_lr.items())),
    )


def _discriminator_optimizer(plan: Plan, gan: GanConfig, lr_factor: float) -> keras.optimizers.Optimizer:
    """Return the discriminator's optimizer: the generator's schedule and limits, without a moving average."""
    settings = plan.config.optimizer
    peak = (gan.learning_rate or settings.learning_rate) * lr_factor
    rate = build_learning_rate(settings.schedule, peak, plan.steps, settings.warmup)
    return build_optimizer(gan.optimizer, rate, clip_norm=settings.clip_norm, clip_value=settings.clip_value)


def diffusion_parts(plan: Plan) -> tuple[NoiseSchedule, Target, int]:
    """Return a diffusion model's noise schedule and target, and the scale."""
    diffusion = plan.config.diffusion
    prediction_type = cast(str, plan.checked.definition.prediction_type)  # every diffusion model has one
    return diffusion.noise_schedule, Target(diffusion.noise_target, prediction_type), plan.config.model.scale


def upscaler(plan: Plan, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return what upscales a validation image, (h, w, channels) float in [0, 1]."""
    if plan.checked.definition.prediction_type is not None:
        return DiffusionSampler(model, *diffusion_parts(plan), plan.config.diffusion.sampling_steps, seed=plan.config.runtime.seed)
    return Upscaler(model)


def training_loss(plan: Plan, loss: Loss | None = None, scale: int | None = None) -> Callable:
    """Return the run's loss, or another one, at the run's scale or another one: a function (reference, sr) -> (batch,) of images in [0, 1]."""
    config = plan.config
    context = LossContext(scale or config.model.scale, config.loss.feature_weights, config.loss.allow_download)
    return (loss or config.objective).build(context)


def _chunks(plan: Plan) -> int:
    """Return the number of chunks that a batch is computed in: one for each processor core, where no layer needs the batch as a whole."""
    if plan.checked.uses_layer("BatchNormalization") or plan.checked.has_function_blocks or not runs_operations_concurrently():
        return 1
    chunks = max(count for count in range(1, min(processors(), _MAX_CHUNKS) + 1) if plan.config.budget.batch_size % count == 0)
    if chunks > 1:
        share_cores(chunks)
    return chunks  # also where the cores cannot be shared out: a resumed run has to come to the same bits


def _metrics(plan: Plan, loss: Callable | None, psnr: Callable) -> list[keras.metrics.Metric]:
    """Return the training PSNR, and what the sampler learns from, of which the value of every patch is recorded."""
    score, patches = score_of(plan.config.sampler.sampler), plan.round_steps * plan.config.budget.batch_size
    if score is None:
        return [keras.metrics.MeanMetricWrapper(psnr, name="psnr")]
    functions: dict[str, Any] = {"psnr": psnr, "patch_loss": loss}
    recorded = PatchValues(functions[score.metric], patches, score.metric)
    return [recorded] if score.metric == "psnr" else [keras.metrics.MeanMetricWrapper(psnr, name="psnr"), recorded]


def build_float32(plan: Plan) -> keras.Model:
    """Build the model in float32: validation and evaluate.py measure in float32 whatever training computes in."""
    with precision("float32"):
        return compile_model(plan.checked)
