"""`rank.py`: train the same model on each of several training sets, test every result on every test set, and tell what is real."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from visionfw import config
from visionfw.cli import train
from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.errors import RequestError
from visionfw.graph.language.loader import parse_arguments
from visionfw.optimizers import parse_layer_lr

_DEFAULT = config.RankRequest
#: train.py's flags that a ranking says otherwise.
_NOT_TRAINS = ("train_data", "seed", "run_dir", "resume", "check", "list", "model", "sampler", "minutes", "most_images", "most_patches")
#: What a ranking that is gone on with may do otherwise.
_HOW = ("engine", "jobs", "cpus", "gpus")


def define(command: str) -> Flags:
    """Return rank's flags: its own, and all of train.py's that describe a training."""
    found = Flags(
        command,
        "rank training sets: one model, equal steps, a run for each set and seed, every run tested on every test set. Or rank models, or samplers.",
        [
            f"{command} --model=edsr_small --train_sets=T91,BSDS500/train --test_sets=Set5,Set14 --data_root=/data --steps=2000 --seeds=0,1,2 --out=ranking",
            f"{command} --models=srcnn,vdsr,edsr_small --train_sets=T91 --test_sets=Set5 --data_root=/data --out=models",
            f"{command} --out=ranking --resume",
        ],
    )
    found.text("train_sets", "", "sets to train on, joined by commas; A+B is one of two joined")
    found.text("test_sets", "", "sets to test on, joined by commas")
    found.text("model", None, "name in model_defs/, or a .py or .json file")
    found.text("models", "", "several models, ranked on one training set instead")
    found.text("sampler", None, "of all runs; --list=samplers")
    found.text("samplers", "", "several samplers, joined by ';', ranked on one training set instead")
    found.text("seeds", "0,1,2", "of the runs of each")
    found.text("out", "", "folder of the ranking")
    found.text("equalize", "none", "give every training set as many images or patches as the smallest has: " + ", ".join(config.EQUALIZE))
    found.text("engine", "local", ", ".join(config.ENGINES))
    found.number("jobs", 1, "runs at a time (local)")
    found.real("cpus", 1.0, "processor cores that Ray reserves for a run")
    found.real("gpus", 0.0, "GPUs that Ray reserves for a run")
    found.switch("resume", "go on with the ranking in --out: what is done stays, what failed is tried again")
    found.switch("dry_run", "say which runs there would be, what training sets have in common with test sets, how long it would take, and stop")
    train.define_training(found, _NOT_TRAINS)
    found.listing("list", "what can be named: models, datasets, losses, ...")
    return found


def run(command: str, arguments: Sequence[str]) -> None:
    """Run rank.py with a command line."""
    flags = define(command)
    values = flags.parse(arguments)
    list_kind, resume, dry_run = values.pop("list"), values.pop("resume"), values.pop("dry_run")
    if list_kind is not None:
        print(listing(list_kind, values["data_root"]))
        return
    from visionfw.ranking.ranking import go_on, start

    if resume:
        if not values["out"]:
            raise RequestError("--resume: name the ranking's folder with --out=DIR")
        more = sorted(flags.given - {"out", "resume", *_HOW})
        if more:
            raise RequestError(f"--{more[0]}: a ranking goes on as it was begun; leave the flag out")
        go_on(values["out"], {key: values[key] for key in _HOW if key in flags.given}, print)
    else:
        start(request_of(values, flags.given), dry_run, print)


def request_of(values: dict, given: Collection[str]) -> config.RankRequest:
    """Return the ranking that flags ask for."""
    own = {key: values.pop(key) for key in ("train_sets", "test_sets", "out", "equalize", "engine", "jobs", "cpus", "gpus")}
    models, samplers, seeds = values.pop("models"), values.pop("samplers"), values.pop("seeds")
    problems = [
        f"--{one} and --{several} both name what is trained; give one"
        for one, several, given in (("model", "models", models), ("sampler", "samplers", samplers))
        if values[one] and given
    ]
    other = "model" if values["model"] else "models"
    problems += [f"--init_from brings a model along; give it or --{other}"] if values["init_from"] and (values["model"] or models) else []
    if not all(part.strip().isascii() and part.strip().isdigit() for part in seeds.split(",")):
        problems.append(f"--seeds={seeds}: whole numbers, joined by commas")
    if problems:
        raise RequestError("\n".join(problems))
    values = {key: value for key, value in values.items() if value is not None or key not in ("model", "sampler")}
    for name in ("model_args", "discriminator_args"):
        values[name] = tuple(parse_arguments(values[name], name).items())
    values["layer_rates"] = parse_layer_lr(values["layer_rates"], "layer_rates")
    names = {"train_sets": tuple(_parts(own.pop("train_sets"), ",")), "models": tuple(_parts(models, ",")), "samplers": tuple(_parts(samplers, ";"))}
    is_clear = sum(len(several) > 1 for several in names.values()) == 1  # else RankRequest says what is wrong
    kinds = {name: train.kind_of(values | {"model": name}) for name in names["models"]} if is_clear else {}
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{name}'s is {kind}" for name, kind in kinds.items())
        raise RequestError(f"--models: their trainings differ in loss and optimizer, so no ranking would tell which model is better: {told}")
    first = {"model": names["models"][0]} if kinds else {}
    values, said = train.completed(values | first, {*given, *(["sampler"] if samplers else [])})
    print(said, end="\n" if said else "")
    return config.RankRequest(train=config.TrainRequest(**values), **names, **own, seeds=tuple(int(part) for part in seeds.split(",")))


def _parts(text: str, sign: str) -> list[str]:
    return [part.strip() for part in text.split(sign) if part.strip()]
