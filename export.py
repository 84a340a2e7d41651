"""Write a model for other programs: `python export.py --help`."""

from visionfw.cli.entry import command

if __name__ == "__main__":
    command("export")
