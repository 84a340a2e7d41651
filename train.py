"""Train a super-resolution model: `python train.py --help`."""

from visionfw.cli.entry import command

if __name__ == "__main__":
    command("train")
