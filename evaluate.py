"""Measure a super-resolution model beside bicubic: `python evaluate.py --help`."""

from visionfw.cli.entry import command

if __name__ == "__main__":
    command("evaluate")
