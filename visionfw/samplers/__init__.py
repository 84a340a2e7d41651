"""Samplers: which patch numbers come next. They know neither images nor models."""

from visionfw.samplers.uniform import Uniform

SAMPLERS = {"uniform": Uniform}
