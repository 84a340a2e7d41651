"""Samplers: which patch numbers come next. They know neither images nor models."""

from visionfw.samplers.psnr_gain import PSNRGain
from visionfw.samplers.uniform import Uniform

__all__ = ["SAMPLERS", "PSNRGain", "Uniform"]

#: What train.py can be asked for by name. PSNRGain needs the scores of each step, which train.py does not hand out yet.
SAMPLERS = {"uniform": Uniform}
