"""TensorFlow's thread pools."""

from __future__ import annotations

import contextlib
from functools import cache

from visionfw.backend.devices import processors
from visionfw.backend.start import owns_process


@cache
def share_cores(parts: int) -> None:
    """Have TensorFlow compute independent parts of a graph beside each other, each on its share of the cores.

    For convolutions with few channels that is faster than all cores on each. The thread pools belong to the whole process, so this does
    nothing in a program that only imports visionfw, nor where TensorFlow computed something already. Values do not depend on it.
    """
    if not owns_process():
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(parts)
        tf.config.threading.set_intra_op_parallelism_threads(-(-processors() // parts))
