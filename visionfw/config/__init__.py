"""Requests as frozen records, checked once at the door; and the names that can be asked for. No Keras here."""

from visionfw.config.adversarial import ADVERSARIAL
from visionfw.config.checks import PRECISIONS, read_rescale
from visionfw.config.evaluation import CHANNELS, METRICS, REPORTS, SAMPLING, TRAINED, EvaluateRequest, read_interpolation
from visionfw.config.preparing import DIVIDE_METHODS, DivideRequest, PrepareRequest
from visionfw.config.ranking import ENGINES, EQUALIZE, RankRequest
from visionfw.config.recipes import with_recipe
from visionfw.config.training import ON_BAD, ON_NAN, ON_SMALL, TrainRequest

__all__ = [
    "ADVERSARIAL",
    "CHANNELS",
    "DIVIDE_METHODS",
    "ENGINES",
    "EQUALIZE",
    "METRICS",
    "ON_BAD",
    "ON_NAN",
    "ON_SMALL",
    "PRECISIONS",
    "REPORTS",
    "SAMPLING",
    "TRAINED",
    "DivideRequest",
    "EvaluateRequest",
    "PrepareRequest",
    "RankRequest",
    "TrainRequest",
    "read_interpolation",
    "read_rescale",
    "with_recipe",
]
