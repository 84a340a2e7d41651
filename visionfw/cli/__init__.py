"""The commands: flags -> one frozen, checked request -> one call. No logic here."""

from visionfw.cli.entry import main

__all__ = ["main"]
