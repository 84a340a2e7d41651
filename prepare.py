"""Check, cache, degrade, divide and fetch image sets: `python prepare.py --help`."""

from visionfw.cli.entry import command

if __name__ == "__main__":
    command("prepare")
