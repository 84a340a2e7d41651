"""A training run as a frozen record, and the names that can be asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from visionfw.config import adversarial
from visionfw.config.checks import PRECISIONS, at_least, choices, problems_of, read_rescale, refuse
from visionfw.diffusion.noise_schedule import TARGETS, read_noise_schedule
from visionfw.errors import RequestError
from visionfw.graph.language.initializers import read_initializer
from visionfw.losses import parse_loss
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.samplers import SAMPLERS

ON_BAD = {"stop": "say which images cannot be used, and stop", "skip": "go on without them"}
ON_SMALL = {"skip": "leave images smaller than a patch out", "frame": "frame them with Gaussian RGB noise up to a patch"}
ON_NAN = {"stop": "say where the loss stopped being finite, and stop", "rollback": "go back to the last checkpoint, at half the learning rate"}
_PAIRS = ("model_args", "layer_rates", "discriminator_args")


@dataclass(frozen=True)
class TrainRequest:
    """A training run, whole.

    Attributes:
        model: name or file, as `models.load` takes it.
        model_args: arguments of the model's function.
        scale: SR size / LR size.
        train_data, val_data: names of image sets, joined by commas.
        data_root: folder that names are looked up in.
        degradation: how LR images are made where a set brings none, as `imaging.degrade` reads it.
        degradation_seed: of what is random in it.
        rescale: sizes at which training images without LR files are used as well, read by `read_rescale`; '' for their own alone.
        augment: names of augmentations, joined by commas, as `data.augmentation` reads them.
        on_bad: what to do where images cannot be used: a name from ON_BAD.
        on_small: what to do with images smaller than a patch: a name from ON_SMALL.
        cache_dir: folder of decoded images; None for the user's.
        steps, epochs, minutes: how long to train, at most one of them: training steps, passes over as many patches as there are, or the time
            that the steps and their validations should take on this machine.
        batch_size: patches a step; None for as many as make about as many pixels as 8 of 24 x 24, and at least 8.
        patch_size: side of an LR patch in pixels; None for about half of what the model sees, from 12 to 24.
        stride: LR pixels between neighboring patches; None for a quarter of the patch.
        most_images, most_patches: so many of the training images and of their patches at most, drawn at random but alike for every seed; 0 for all.
        loss: as `losses.parse_loss` reads it.
        optimizer, schedule: as `optimizers.OPTIMIZERS` and `SCHEDULES` read them.
        precision: a name from `checks.PRECISIONS`.
        initializer: of kernels whose dictionary says none, as `read_initializer` reads it; '' for the layers' own.
        normalize: compute with pixels less the training images' mean, over their deviation.
        on_nan: what to do where the loss is not finite or explodes: a name from ON_NAN.
        most_rollbacks: how often a run goes back before it stops.
        sampler: as `samplers.SAMPLERS` parses it; '' for headroom where LR images are bicubic's, and hardest elsewhere.
        round_patches: patches that are drawn at a time, about; 0 for as many as the sampler likes.
        learning_rate: at the start.
        layer_rates: patterns of layer names, each with a factor on the learning rate of these layers.
        warmup: steps over which the learning rate rises from 0; they come before the schedule's own.
        clip_norm: largest norm of the whole gradient; 0 for no limit.
        clip_value: largest absolute value of the gradient of each weight; 0 for no limit.
        ema: largest decay of the weights' moving average a step, such as 0.999; validated and kept instead of the weights; 0 for none.
        devices: of this machine that share each batch.
        validate_every: steps between validations; 0 for a tenth of the run.
        noise_schedule: of a diffusion model, as `noise_schedules.read_noise_schedule` reads it.
        noise_target: what its noise is put into: a name from noise_schedules.TARGETS.
        sampling_steps: looks at each image where it is validated.
        init_from: run whose model and weights the training begins with; None for a new model.
        adversarial: what the generator and a discriminator play for: a name from adversarial.ADVERSARIAL; '' for a plain training.
        adversarial_weight: factor on the generator's adversarial loss.
        content_loss: what the generator minimizes beside it, read as `loss`; '' for `loss` itself.
        discriminator, discriminator_args: its name or file, and its function's arguments.
        discriminator_optimizer, discriminator_rate: how it learns; a rate of 0 is the generator's.
        feature_weights: as `feature_weights.read_feature_weights` reads it, for the loss 'vgg'.
        allow_download: Keras may fetch weights of feature networks.
        seed: of weights, patches and augmentation.
        run_dir: where the run is written; None for a new folder under runs/.
    """

    model: str = "edsr_small"
    model_args: tuple[tuple[str, Any], ...] = ()
    scale: int = 4
    train_data: str = "embedded/train"
    val_data: str = "embedded/test"
    data_root: str | None = None
    degradation: str = "bicubic"
    degradation_seed: int = 0
    rescale: str = "0.7"
    augment: str = "dihedral"
    on_bad: str = "stop"
    on_small: str = "skip"
    cache_dir: str | None = None
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int | None = None
    patch_size: int | None = None
    stride: int | None = None
    most_images: int = 0
    most_patches: int = 0
    loss: str = "l1+luma"
    optimizer: str = "muon"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    layer_rates: tuple[tuple[str, float], ...] = ()
    warmup: int = 0
    clip_norm: float = 0.0
    clip_value: float = 0.0
    ema: float = 0.0
    initializer: str = ""
    standardize_input: bool = False
    on_nan: str = "stop"
    most_rollbacks: int = 3
    sampler: str = ""
    round_patches: int = 0
    precision: str = "auto"
    devices: int = 1
    validate_every: int = 0
    noise_schedule: str = "linear"
    noise_target: str = "residual"
    sampling_steps: int = 20
    init_from: str | None = None
    adversarial: str = ""
    adversarial_weight: float = 0.05
    content_loss: str = ""
    discriminator: str = "patch_discriminator"
    discriminator_args: tuple[tuple[str, Any], ...] = ()
    discriminator_optimizer: str = "adam"
    discriminator_rate: float = 0.0
    feature_weights: str = ""
    allow_download: bool = False
    seed: int = 0
    run_dir: str | None = None

    def __post_init__(self) -> None:
        problems = (
            problems_of(parse_loss, self.loss)
            + (problems_of(SAMPLERS.parse, self.sampler) if self.sampler else [])
            + problems_of(read_rescale, self.rescale)
            + problems_of(read_initializer, self.initializer)
            + problems_of(read_noise_schedule, self.noise_schedule)
            + problems_of(lambda text: OPTIMIZERS.parse(text, "optimizer"), self.optimizer)
            + problems_of(lambda text: SCHEDULES.parse(text, "schedule"), self.schedule)
            + choices(
                self,
                {
                    "precision": PRECISIONS,
                    "on_bad": ON_BAD,
                    "on_small": ON_SMALL,
                    "on_nan": ON_NAN,
                    "noise_target": TARGETS,
                },
            )
        )
        problems += at_least(self, 1, ("scale", "batch_size", "patch_size", "stride", "steps", "epochs", "devices", "sampling_steps"))
        problems += at_least(
            self,
            0,
            (
                "most_images",
                "most_patches",
                "validate_every",
                "round_patches",
                "most_rollbacks",
                "seed",
                "degradation_seed",
                "clip_norm",
                "clip_value",
                "warmup",
            ),
        )
        if not 0 < self.learning_rate < math.inf:
            problems.append(f"--learning_rate must be a number above 0, not {self.learning_rate}")
        problems += [f"--{key} must be a finite number, not {value}" for key, value in self._clips() if not value < math.inf]
        if self.clip_norm and self.clip_value:
            problems.append("--clip_norm and --clip_value both limit the gradient; give one")
        problems += [f"--layer_rates: the factor of {name!r} must be a number of at least 0, not {factor}" for name, factor in self._wrong_rates()]
        if not 0 <= self.ema < 1:
            problems.append(f"--ema must be at least 0 and below 1, such as 0.999, not {self.ema}")
        if self.seed >= 2**32:
            problems.append(f"--seed must be below {2**32}, not {self.seed}")
        if self.run_dir == "":
            problems.append("--run_dir is empty; name a folder, or leave the flag out")
        given = [f"--{key}" for key in ("steps", "epochs", "minutes") if getattr(self, key) is not None]
        if len(given) > 1:
            problems.append(f"{' and '.join(given)} {'both' if len(given) == 2 else 'all'} say how long to train; give one")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            problems.append(f"--minutes must be a number above 0, not {self.minutes}")
        problems += adversarial.problems(self)
        refuse(problems)

    @property
    def objective(self) -> str:
        """What the model's images are to come near to, as `losses.parse_loss` reads it."""
        return self.content_loss or self.loss

    def _wrong_rates(self) -> list[tuple[str, Any]]:
        return [(name, factor) for name, factor in self.layer_rates if not isinstance(factor, int | float) or not 0 <= factor < math.inf]

    def _clips(self) -> tuple[tuple[str, float], ...]:
        return ("clip_norm", self.clip_norm), ("clip_value", self.clip_value)

    def record(self) -> dict[str, Any]:
        """Return the request as plain JSON."""
        return asdict(self) | {name: dict(getattr(self, name)) for name in _PAIRS}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> TrainRequest:
        """Return the request that `record` gave. Raises RequestError where another version wrote it."""
        try:
            pairs = {name: tuple((key, _as_given(value)) for key, value in record[name].items()) for name in _PAIRS}
            return cls(**(dict(record) | pairs))
        except (TypeError, KeyError, AttributeError) as error:
            raise RequestError(f"--resume: the run was recorded by another version of visionfw: {error}") from error


def _as_given(value: Any) -> Any:
    """Return JSON's lists as the tuples that they were."""
    return tuple(map(_as_given, value)) if isinstance(value, list) else value
