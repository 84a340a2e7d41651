"""Training a diffusion model as a plain fit: noise is put into the HR patches on the device, and the network tells how to take it off."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from visionfw.diffusion.noise_schedule import NoiseSchedule, Target, noised
from visionfw.diffusion.sampler import level_name
from visionfw.layers.resampling import Bicubic
from visionfw.layers.uint8_images import uint8_to_float


class Diffusion(keras.Model):
    """A network that tells noise or velocity, learning from uint8 patches.

    Reads {'lr': (batch, p, p, 3), 'hr': (batch, s p, s p, 3)} uint8 and gives 'sr', what one look makes of the noisy image, in [0, 1],
    with what the network was 'asked' and what it 'told'.

    Args:
        network: {'lr', 'noisy', 'noise_level' or 'step'} -> what the target says it tells.
        schedule: how noise grows.
        target: what noise is put into, and what the network tells.
        scale: SR size / LR size.
        figure: (asked, told) -> (batch,), what is minimized.
        seed: of steps and noise.
        parts: that the network takes a batch in, a divisor of its size; they do not wait for each other.

    Reference: Saharia et al., Image Super-Resolution via Iterative Refinement, section 2.4: the noise level is drawn between those of
    two neighboring steps; here its root is drawn evenly, as in WaveGrad (Chen et al., ICLR 2021), whose root the network is told.
    """

    def __init__(self, network: keras.Model, schedule: NoiseSchedule, target: Target, scale: int, figure: Callable, seed: int, parts: int = 1):
        super().__init__(name=network.name)
        self.network, self.target, self.figure, self.parts = network, target, figure, parts
        self.bicubic = Bicubic(scale, dtype="float32")
        self.level = level_name(network)
        self.roots = np.sqrt(schedule.gammas()).astype(np.float32)
        self.random = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, patches, training=None):
        lr, hr = (uint8_to_float(patches[name], "rgb") for name in ("lr", "hr"))
        enlarged = self.bicubic(lr)
        image = self.target.of(hr, enlarged)
        noise = keras.random.normal(ops.shape(image), seed=self.random)
        step, root = self._draw(ops.shape(image)[0])
        gamma = ops.reshape(ops.square(root), (-1, 1, 1, 1))
        noisy = noised(image, noise, gamma)
        level = root if self.level == "noise_level" else ops.cast(step, "float32")
        told = self._look({"lr": lr, "noisy": noisy, self.level: level[:, None]}, training)
        sr = self.target.back(self.target.denoised(noisy, told, ops.maximum(gamma, 1e-4)), enlarged)
        return {"sr": ops.clip(sr, 0.0, 1.0), "asked": self.target.asked(image, noise, gamma), "told": told}

    def _look(self, given, training):
        """Return what the network tells."""
        if self.parts == 1:
            return ops.cast(self.network(given, training=training), "float32")
        split = {name: ops.split(tensor, self.parts) for name, tensor in given.items()}
        made = [self.network({name: tensors[part] for name, tensors in split.items()}, training=training) for part in range(self.parts)]
        return ops.cast(ops.concatenate(made, axis=0), "float32")

    def _draw(self, count):
        """Draw a step for each image, and the root of gamma: between two steps where the network takes it, else that of the step."""
        roots = ops.convert_to_tensor(self.roots)
        step = keras.random.randint((count,), 1, len(self.roots), seed=self.random)
        after, before = ops.take(roots, step), ops.take(roots, step - 1)
        if self.level == "step":
            return step, after
        return step, after + keras.random.uniform((count,), seed=self.random) * (before - after)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(self.figure(y_pred["asked"], y_pred["told"]))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred["sr"], sample_weight)
