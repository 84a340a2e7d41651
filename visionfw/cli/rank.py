"""`rank.py`: train the same model on each of several training sets, test every result on every test set, and report which differences are real."""

from __future__ import annotations

from collections.abc import Sequence

from visionfw.cli.flags import Flags
from visionfw.cli.listing import listing
from visionfw.config import from_flags
from visionfw.io.plugins import HELP as PLUGINS_HELP
from visionfw.ranking.config import NOT_TRAINING, RankConfig


def define(command: str, arguments: Sequence[str] = ()) -> Flags:
    """Return rank's flags: its own, and those of train.py that describe a training."""
    flags = Flags(
        command,
        "rank training sets: one model, equal steps, one run for each set and seed, every run tested on every test set. Or rank models, or samplers.",
        [
            f"{command} --model=edsr_small --train_sets=T91,BSDS500/train --test_sets=Set5,Set14 --data_root=/data --steps=2000 --seeds=0,1,2 --out=ranking",
            f"{command} --models=srcnn,vdsr,edsr_small --train_sets=T91 --test_sets=Set5 --data_root=/data --out=models",
            f"{command} --out=ranking --resume",
        ],
    )
    flags.add_config(RankConfig, NOT_TRAINING)
    flags.add("resume", bool, "continue the ranking in --out: finished runs are kept, failed ones are tried again")
    flags.add("dry_run", bool, "list the runs, what training sets share with test sets and how long it would take, and stop; nothing is written")
    flags.add("plugins", str, PLUGINS_HELP, takes="=FILES")
    flags.add_list()
    return flags


def run(command: str, arguments: Sequence[str]) -> None:
    """Run rank.py with a command line."""
    values = define(command).parse(arguments)
    if "list" in values:
        print(listing(values["list"], values.get("data_root")))
        return
    values.pop("plugins", None)
    resume, dry_run = values.pop("resume", False), values.pop("dry_run", False)
    from visionfw.ranking.ranking import resume_ranking, start_ranking

    if resume:
        resume_ranking(values, print)
    else:
        start_ranking(from_flags(RankConfig, values), print, dry_run)
