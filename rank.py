"""Rank training sets, models or samplers; see `python rank.py --help`."""

from visionfw.cli.entry import command

if __name__ == "__main__":
    command("rank")
