"""Configuration of a training run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.config import PRECISIONS, Config, Settled, section, setting
from visionfw.data.augmentation import Augmentation, parse_augmentation
from visionfw.data.datasets.image_set import parse_rescale
from visionfw.diffusion.config import DiffusionConfig
from visionfw.errors import RequestError
from visionfw.gan.config import GanConfig
from visionfw.graph.language.loader import parse_arguments
from visionfw.imaging.degradations import DegradationSpec, parse_degradation
from visionfw.layers.initializers import INITIALIZERS
from visionfw.losses import Loss, parse_loss
from visionfw.metrics import parse_feature_weights
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.registry import Spec
from visionfw.samplers import SAMPLERS

#: SR size / LR size where neither a flag nor a file says it.
DEFAULT_SCALE = 4
INVALID_IMAGES = {"stop": "list the images that cannot be used, and stop", "skip": "train without them"}
SMALL_IMAGES = {"skip": "leave out images smaller than a patch", "pad": "pad them with Gaussian RGB noise to the size of a patch"}
ON_NAN = {
    "stop": "report where the loss stopped being finite, and stop",
    "rollback": "return to the last checkpoint and halve the learning rate",
}


def parse_layer_lr(text: str, flag: str = "layer_lr") -> dict[str, float]:
    """Parse learning-rate multipliers by layer-name pattern: 'conv_tail=0.1,head*=0.5'. Raises RequestError."""
    multipliers: dict[str, float] = {}
    for part in filter(None, (entry.strip() for entry in text.split(","))):
        pattern, equals, factor = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(factor)
        except ValueError:
            equals = ""
        if not equals or not pattern:
            raise RequestError(f"--{flag}: {part!r} is not PATTERN=MULTIPLIER (several are joined by commas: conv_tail=0.1,head*=0.5)")
        if pattern in multipliers:
            raise RequestError(f"--{flag}: {pattern!r} is given twice")
        if not 0 <= value < float("inf"):
            raise RequestError(f"--{flag}: the multiplier of {pattern!r} must be a finite number of at least 0, not {factor}")
        multipliers[pattern] = value
    return multipliers


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """What is trained, and what it starts from."""

    name: str = setting("edsr_small", "model: a name in model_defs/, or a .py or .json file", flag="model")
    args: Mapping[str, Any] = setting({}, "arguments of the model's function: blocks=8,filters=32", flag="model_args", parse=parse_arguments)
    scale: Settled[int] = setting(None, "SR size / LR size", default_text="4; with --weights or --init_from, theirs", minimum=1)
    init_from: str | None = setting(None, "run whose model and weights training starts from, instead of --model")
    weights: str | None = setting(
        None, "weight file that training starts from; without --model a PyTorch or safetensors file brings its architecture along; see docs/weights.md"
    )
    initializer: Spec | None = setting(
        None, "initializer of kernels for which the dictionary names none: normal:0.001", default_text="the layers' own", parse=INITIALIZERS.parse
    )
    standardize_input: bool = setting(False, "subtract the training images' mean from the input and divide it by their standard deviation")

    def problems(self) -> Iterable[str]:
        if self.weights is not None and self.init_from is not None:
            yield "--weights and --init_from both name what training starts from; give one"
        if self.weights is not None and self.initializer is not None:
            yield "--weights brings weights along, so --initializer has nothing to initialize"
        if self.init_from is None:
            return
        if self.args:
            yield "--init_from brings its model's dictionary along; leave --model_args out"
        if self.name != type(self)().name:
            yield "--init_from brings its run's model along; give it or --model"
        if self.standardize_input:
            yield "--init_from brings its model's dictionary along, so --standardize_input cannot change it"
        if self.initializer is not None:
            yield "--init_from brings weights along, so --initializer has nothing to initialize"


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """Images and patches."""

    train: str = setting("embedded/train", "image sets to train on: names or folders, joined by commas", flag="train_data")
    val: str = setting("embedded/test", "image sets to validate on: names or folders, joined by commas", flag="val_data")
    root: str | None = setting(None, "folder in which image sets are looked up by name", flag="data_root", default_text="$VISIONFW_DATA")
    degradation: DegradationSpec = setting(
        parse_degradation("bicubic"), "how LR images are made: steps joined by '+' (blur:sigma=1.6+bicubic); see --list=degradations", parse=parse_degradation
    )
    degradation_seed: int = setting(0, "seed of the random parts of the degradation", minimum=0)
    rescale: Settled[tuple[float, ...]] = setting(
        None,
        "factors by which training images without LR files are also downscaled: 0.8,0.6, or none",
        default_text="0.7; none in adversarial and diffusion training",
        parse=parse_rescale,
    )
    augment: Augmentation = setting(
        parse_augmentation("dihedral"), "augmentations of patches, joined by commas, or none; see --list=augmentations", parse=parse_augmentation
    )
    patch_size: Settled[int] = setting(
        None, "side of a training patch in LR pixels", default_text="half of the model's receptive field, from 12 to 24", minimum=1
    )
    stride: Settled[int] = setting(None, "LR pixels between neighboring patches", default_text="a quarter of the patch", minimum=1)
    max_images: int = setting(0, "largest number of training images; 0 for all", minimum=0)
    max_patches: int = setting(0, "largest number of training patches; 0 for all", minimum=0)
    invalid_images: str = setting("stop", "what to do with images that cannot be used: stop or skip", choices=INVALID_IMAGES)
    small_images: str = setting("skip", "what to do with images smaller than a patch: skip, or pad with noise", choices=SMALL_IMAGES)
    cache_dir: str | None = setting(None, "folder of decoded images", default_text="$VISIONFW_CACHE, or visionfw in the user's cache folder")


@dataclass(frozen=True, kw_only=True)
class LossConfig(Config):
    """What training minimizes."""

    loss: Settled[Loss] = setting(
        None, "loss terms joined by '+', with weights (l1+0.1*ssim); see --list=losses", default_text="l1+luma; mse for diffusion models", parse=parse_loss
    )
    feature_weights: Mapping[str, str] = setting({}, "weight files of the feature networks that a loss uses: vgg19=FILE", parse=parse_feature_weights)
    allow_download: bool = setting(False, "let Keras download feature-network weights that --feature_weights does not name")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Config):
    """How the weights are updated."""

    optimizer: Settled[Spec] = setting(
        None, "optimizer; see --list=optimizers", default_text="muon; adam in adversarial and diffusion training", parse=OPTIMIZERS.parse
    )
    learning_rate: Settled[float] = setting(
        None, "learning rate after the warm-up", default_text="0.002; 0.0002 in adversarial, 0.0005 in diffusion training", above=0
    )
    schedule: Spec = setting(SCHEDULES.parse("cosine"), "learning-rate schedule; see --list=schedules", parse=SCHEDULES.parse)
    warmup: int = setting(0, "steps over which the learning rate rises from 0", minimum=0)
    layer_lr: Mapping[str, float] = setting({}, "learning-rate multipliers of layers, by name pattern: conv_tail=0.1,head*=0.5", parse=parse_layer_lr)
    clip_norm: Settled[float] = setting(None, "largest norm of the whole gradient; 0 for no limit", default_text="0; 1 in diffusion training", minimum=0)
    clip_value: float = setting(0.0, "largest absolute value of a gradient's entries; 0 for no limit", minimum=0)
    ema: Settled[float] = setting(
        None,
        "decay of the weights' moving average (0.999), which is then validated and kept; 0 for none",
        default_text="0; 0.99 in adversarial, 0.999 in diffusion training",
        minimum=0,
        below=1,
    )

    def problems(self) -> Iterable[str]:
        if self.clip_norm and self.clip_value:
            yield "--clip_norm and --clip_value both limit the gradient; give one"


@dataclass(frozen=True, kw_only=True)
class SamplerConfig(Config):
    """Which patches come next."""

    sampler: Settled[Spec] = setting(
        None,
        "patch sampler, with options; see --list=samplers",
        default_text="headroom, or hardest where LR images are not bicubic's; uniform in adversarial and diffusion training",
        parse=SAMPLERS.parse,
    )
    round_patches: int = setting(0, "approximate number of patches drawn at a time; 0 for the sampler's own", minimum=0)


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Config):
    """How long to train."""

    steps: int | None = setting(None, "training steps", default_text="6000 unless --epochs or --minutes is given", minimum=1)
    epochs: int | None = setting(None, "passes over as many patches as the data has, instead of --steps", minimum=1)
    minutes: float | None = setting(None, "train for as many steps as timed steps predict to fit into so many minutes, instead of --steps", above=0)
    batch_size: Settled[int] = setting(None, "patches per step", default_text="as many pixels as 8 patches of 24 x 24, and at least 8", minimum=1)
    validate_every: int = setting(0, "steps between validations; 0 for a tenth of the run", minimum=0)

    def problems(self) -> Iterable[str]:
        lengths = [f"--{name}" for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(lengths) > 1:
            yield f"{' and '.join(lengths)} {'both' if len(lengths) == 2 else 'all'} say how long to train; give one"


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig(Config):
    """Where and how it runs."""

    precision: str = setting("auto", f"precision of training: {', '.join(PRECISIONS)}", choices=PRECISIONS)
    devices: int = setting(1, "devices of this machine that share each batch (JAX)", minimum=1)
    seed: int = setting(0, "seed of weights, patches and augmentation", minimum=0, maximum=2**32 - 1)
    on_nan: str = setting("stop", "what to do when the loss is not finite or explodes: stop, or rollback", choices=ON_NAN)
    max_rollbacks: int = setting(3, "how often a run may return to its last checkpoint before it stops", minimum=0)
    run_dir: str | None = setting(None, "folder that the run is written to", default_text="a new folder under runs/")

    def problems(self) -> Iterable[str]:
        if self.run_dir == "":
            yield "--run_dir is empty; name a folder, or leave the flag out"


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """A training run, whole. Values that depend on the model or the data may be left open (None); `training.resolve` settles them."""

    model: ModelConfig = section("Model", ModelConfig)
    data: DataConfig = section("Data", DataConfig)
    loss: LossConfig = section("Loss", LossConfig)
    optimizer: OptimizerConfig = section("Optimizer", OptimizerConfig)
    sampler: SamplerConfig = section("Patch sampler", SamplerConfig)
    budget: BudgetConfig = section("Budget", BudgetConfig)
    gan: GanConfig | None = section("Adversarial training", GanConfig, optional="loss")
    diffusion: DiffusionConfig = section("Diffusion models", DiffusionConfig)
    runtime: RuntimeConfig = section("Run", RuntimeConfig)

    def problems(self) -> Iterable[str]:
        if self.gan is not None and self.gan.content_loss is not None and self.loss.loss is not None:
            yield "--loss and --content_loss both say what the images are compared by; give one"
        if self.gan is not None and self.runtime.devices > 1:
            yield "--adversarial trains on one device; leave --devices out"

    @property
    def objective(self) -> Settled[Loss]:
        """The loss that compares SR images with HR images: the content loss of adversarial training, else the loss."""
        return self.gan.content_loss if self.gan is not None and self.gan.content_loss is not None else self.loss.loss
