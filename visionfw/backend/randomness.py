"""Seeds of the global random generators, from which Keras draws initial weights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from visionfw.backend import backend_name
from visionfw.numerics import Tensor


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all global generators for the length of a `with` block; Python's, NumPy's and PyTorch's are put back at its end.

    Keras' and TensorFlow's stay seeded: they do not tell what they were.
    """
    import keras

    states = random.getstate(), np.random.get_state(), _torch_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if states[2] is not None:
            import torch

            torch.set_rng_state(states[2])


def _torch_state() -> Tensor | None:
    if backend_name() != "torch":
        return None
    import torch

    return torch.get_rng_state()


def seed_step(*numbers: int) -> None:
    """Seed what PyTorch's layers draw past Keras' own generators, which is state that no checkpoint has. Other backends have no such state.

    Args:
        numbers: the run's seed, the step: whatever must not give equal draws.
    """
    if backend_name() == "torch":
        import torch

        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1))
