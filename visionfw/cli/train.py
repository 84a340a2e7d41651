"""`train.py`: train a model on image sets, into a run directory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from visionfw import config
from visionfw.backend.start import start_backend
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.diffusion.noise_schedule import TARGETS
from visionfw.errors import RequestError
from visionfw.graph.language import loader as models
from visionfw.graph.language.initializers import INITIALIZERS
from visionfw.graph.language.loader import parse_arguments
from visionfw.graph.language.parser import parse
from visionfw.losses import LOSSES
from visionfw.optimizers import OPTIMIZERS, SCHEDULES, parse_layer_lr
from visionfw.runs import directory as runs
from visionfw.samplers import SAMPLERS

_DEFAULT = config.TrainRequest()


def define(command: str) -> Flags:
    """Return train's flags."""
    found = Flags(
        command,
        "train a super-resolution model, written as a dictionary, into a run directory.",
        [f"{command} --scale=4", f"{command} --model=srresnet --model_args=blocks=8,filters=32 --train_data=DIV2K --data_root=/data --steps=100000"],
    )
    define_training(found)
    found.text("run_dir", None, "where the run is written; a new folder under runs/ unless given")
    found.switch("resume", "continue the run in --run_dir from its last checkpoint; without --run_dir, the last started unfinished run under runs/")
    found.switch("check", "do everything up to the first step, tell memory and duration, and stop")
    found.listing("list", "what can be named: models, datasets, losses, ...")
    return found


def define_training(found: Flags, without: Collection[str] = ()) -> None:
    """Define the flags that describe a training, but for some."""
    kinds = {"text": found.text, "number": found.number, "real": found.real, "switch": found.switch}
    for kind, name, *rest in _training_flags():
        if name not in without:
            kinds[kind](name, *rest)


def _training_flags() -> list[tuple]:
    """Return (kind, name, default, help) of every flag that describes a training."""
    return [
        ("text", "model", _DEFAULT.model, "name in model_defs/, or a .py or .json file"),
        ("text", "model_args", "", "arguments of the model's function: blocks=8,filters=32"),
        ("number", "scale", _DEFAULT.scale, "SR size / LR size"),
        ("text", "train_data", _DEFAULT.train_data, "image sets to train on: names or folders, joined by commas"),
        ("text", "val_data", _DEFAULT.val_data, "image sets to validate on"),
        ("text", "data_root", None, "folder that data names are looked up in; $VISIONFW_DATA unless given"),
        ("text", "degradation", _DEFAULT.degradation, "how LR images are made: steps joined by '+' (blur:sigma=1.6+bicubic); --list=degradations"),
        ("number", "degradation_seed", _DEFAULT.degradation_seed, "of what is random in the degradation"),
        ("text", "rescale", _DEFAULT.rescale, "sizes at which training images without LR files are used as well as at their own: 0.8,0.6, or none"),
        ("text", "augment", _DEFAULT.augment, "what is done to patches, joined by commas, or none; --list=augmentations"),
        ("text", "on_bad", _DEFAULT.on_bad, "images that cannot be used: stop, or skip them"),
        ("text", "on_small", _DEFAULT.on_small, "images smaller than a patch: skip, or frame them with noise"),
        ("text", "cache_dir", None, "folder of decoded images; $VISIONFW_CACHE or ~/.cache/visionfw unless given"),
        ("number", "steps", None, "training steps (6000 unless --steps, --epochs or --minutes is given)"),
        ("number", "epochs", None, "passes over as many patches as the data has, instead of --steps"),
        ("real", "minutes", None, "as many steps as a trial promises in so many minutes on this machine, instead of --steps"),
        ("number", "batch_size", None, "patches a step; as many pixels as 8 patches of 24 x 24 unless given, and at least 8"),
        ("number", "patch_size", None, "side of a patch in LR pixels; half of what the model sees unless given, from 12 to 24"),
        ("number", "stride", None, "LR pixels between neighboring patches; a quarter of the patch unless given"),
        ("number", "most_images", _DEFAULT.most_images, "so many of the training images at most; 0 for all"),
        ("number", "most_patches", _DEFAULT.most_patches, "so many of their patches at most; 0 for all"),
        ("text", "loss", _DEFAULT.loss, f"terms joined by '+', with weights (l1+0.1*ssim): {', '.join(LOSSES)}"),
        ("text", "optimizer", _DEFAULT.optimizer, ", ".join(OPTIMIZERS)),
        ("real", "learning_rate", _DEFAULT.learning_rate, "at the start"),
        ("text", "layer_rates", "", "factors on the learning rate of some layers, by pattern: conv_tail=0.1,head*=0.5"),
        ("text", "schedule", _DEFAULT.schedule, ", ".join(SCHEDULES)),
        ("number", "warmup", _DEFAULT.warmup, "steps over which the learning rate rises from 0"),
        ("real", "clip_norm", _DEFAULT.clip_norm, "largest norm of the whole gradient; 0 for no limit"),
        ("real", "clip_value", _DEFAULT.clip_value, "largest absolute value in the gradient; 0 for no limit"),
        ("real", "ema", _DEFAULT.ema, "decay of a moving average of the weights (0.999), which is then what is validated and kept; 0 for none"),
        ("text", "initializer", _DEFAULT.initializer, f"of kernels whose dictionary says none: normal:0.001; {', '.join(INITIALIZERS)}"),
        ("switch", "standardize_input", "compute with pixels less the training images' mean, over their deviation"),
        ("text", "on_nan", _DEFAULT.on_nan, "a loss that is not finite or explodes: stop, or rollback to the last checkpoint at half the learning rate"),
        ("number", "most_rollbacks", _DEFAULT.most_rollbacks, "how often a run goes back before it stops"),
        ("text", "sampler", _DEFAULT.sampler, f"{', '.join(SAMPLERS)}, with options (--list=samplers); headroom, or hardest where LR images are not bicubic's"),
        ("number", "round_patches", _DEFAULT.round_patches, "patches that are drawn at a time, about; 0 for as many as the sampler likes"),
        ("text", "precision", _DEFAULT.precision, ", ".join(config.PRECISIONS)),
        ("number", "devices", _DEFAULT.devices, "devices of this machine that share each batch (JAX)"),
        ("number", "validate_every", _DEFAULT.validate_every, "steps between validations; 0 for a tenth of the run"),
        ("text", "noise_schedule", _DEFAULT.noise_schedule, "of a diffusion model: linear:steps=2000,first=1e-6,last=0.01, or cosine:steps=1000"),
        ("text", "noise_target", _DEFAULT.noise_target, f"what its noise is put into: {', '.join(TARGETS)}"),
        ("number", "sampling_steps", _DEFAULT.sampling_steps, "looks at each validation image"),
        ("text", "init_from", None, "run whose model and weights to begin with, instead of --model"),
        ("text", "adversarial", "", f"train against a discriminator as well: {', '.join(config.ADVERSARIAL)}"),
        ("real", "adversarial_weight", _DEFAULT.adversarial_weight, "factor on the generator's adversarial loss"),
        ("text", "content_loss", "", "in adversarial training what --loss is otherwise: vgg, l1, mse, or any terms of --loss; --loss unless given"),
        ("text", "discriminator", _DEFAULT.discriminator, "its name in model_defs/, or a .py or .json file"),
        ("text", "discriminator_args", "", "arguments of its function: filters=32"),
        ("text", "discriminator_optimizer", _DEFAULT.discriminator_optimizer, ", ".join(OPTIMIZERS)),
        ("real", "discriminator_rate", _DEFAULT.discriminator_rate, "its learning rate; 0 for the generator's"),
        ("text", "feature_weights", "", "weights of the loss vgg: vgg19=FILE"),
        ("switch", "allow_download", "Keras may download the weights that --feature_weights does not name"),
        ("number", "seed", _DEFAULT.seed, "of weights, patches and augmentation"),
    ]


def run(command: str, arguments: Sequence[str]) -> None:
    """Run train.py with a command line."""
    flags = define(command)
    values = flags.parse(arguments)
    list_kind, check, resume = values.pop("list"), values.pop("check"), values.pop("resume")
    if list_kind is not None:
        print(listing(list_kind, values["data_root"]))
        return
    for name in ("model_args", "discriminator_args"):
        values[name] = tuple(parse_arguments(values[name], name).items())
    values["layer_rates"] = parse_layer_lr(values["layer_rates"], "layer_rates")
    if values["init_from"] is not None and "model" in flags.given and not resume:
        raise RequestError("--init_from brings its run's model along; give it or --model")
    if {"loss", "content_loss"} <= flags.given:
        raise RequestError("--loss and --content_loss both say what the images are to come near to; give one")
    if resume:
        request = _of_run(values, flags.given)
    else:
        values, said = completed(values, flags.given)
        request = config.TrainRequest(**values)
        print(said, end="\n" if said else "")
    _look_ahead(request, resume)
    start_backend(request.devices)
    from visionfw.training.fit import train
    from visionfw.training.timing import dry_run

    if check:
        dry_run(request)
    else:
        train(request, resume=resume)


def completed(values: Mapping[str, Any], given: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return the values of flags with those that go with the kind of training where they are not given, and what to say of it."""
    values, kind = dict(values), kind_of(values)
    if kind == "diffusion" and values["init_from"] is not None:  # its weights know no other noise
        was = runs.find(values["init_from"]).read().get("request", {})
        values |= {name: was[name] for name in config.TRAINED if name in was and name not in given}
    return config.with_recipe(values, given, kind)


def kind_of(values: Mapping[str, Any]) -> str:
    """Return which kind of training flags ask for: 'adversarial', 'diffusion' or 'plain'."""
    if values["adversarial"]:
        return "adversarial"
    if values["init_from"] is not None:
        dictionary = runs.find(values["init_from"]).read_model()
    else:
        dictionary = models.load(values.get("model") or _DEFAULT.model, dict(values["model_args"]), values["scale"]).dictionary
    definition, problems = parse(dictionary)
    return "diffusion" if not problems and definition.prediction_type else "plain"


def _of_run(values: dict, given: Collection[str]) -> config.TrainRequest:
    """Return the request that a run was started with, and refuse flags that say something else."""
    run = runs.find_unfinished(values["run_dir"])
    request = config.TrainRequest.of_record(run.read_request())
    was = replace(request, run_dir=str(run.folder))
    different = [key for key in values if key in given and key != "run_dir" and getattr(was, key) != values[key]]
    if different:
        told = [f"--{key}={values[key]}: the run in {run.folder} was started with {getattr(was, key)!r}; leave the flag out" for key in different]
        raise RequestError("\n".join(told))
    return was


def _look_ahead(request: config.TrainRequest, resume: bool) -> None:
    """Refuse what can be refused before a backend takes its seconds to start."""
    from visionfw.data.augmentation import parse_augmentation
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.degradations.pipeline import Degradation
    from visionfw.io.paths import user_path

    if request.run_dir is not None and not resume:
        runs.refuse_taken(user_path(request.run_dir))
    how = Degradation.parse(request.degradation, request.scale, request.degradation_seed)
    parse_augmentation(request.augment)
    for images in find_sets(f"{request.train_data},{request.val_data}", request.data_root, request.scale):
        images.lr_files(how)
    if request.init_from is None:
        models.load(request.model, dict(request.model_args), request.scale)
    elif not resume:
        runs.find(request.init_from)
