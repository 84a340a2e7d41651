"""Train a diffusion model by a plain Keras `fit`: noise is added to the HR patches on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import ops

from visionfw.diffusion.noise_schedule import NoiseSchedule
from visionfw.diffusion.sampler import noise_level_input
from visionfw.diffusion.target import Target, add_noise
from visionfw.layers.resampling import Bicubic
from visionfw.layers.uint8_images import uint8_to_float
from visionfw.numerics import Tensor

_MIN_GAMMA = 1e-4  # for the image that is shown while training, which divides by its root


class DiffusionTrainer(keras.Model):
    """A denoising network that trains on uint8 patches.

    Takes {'lr': (batch, p, p, 3), 'hr': (batch, scale p, scale p, 3)} uint8. Returns 'sr', the image in [0, 1] that one denoising step
    gives; the network's 'prediction'; and its 'training_target'.

    Args:
        network: {'lr', 'noisy', 'noise_level' or 'step'} -> the target's prediction type.
        schedule: how noise grows.
        target: what noise is added to, and what the network predicts.
        scale: SR size / LR size.
        loss_function: (training target, prediction) -> (batch,), to be minimized.
        seed: of steps and noise.
        parts: parts that the network takes a batch in, a divisor of its size; they do not wait for each other.

    Reference: Saharia et al., Image Super-Resolution via Iterative Refinement, TPAMI 2022, section 2.4: the noise level is drawn between
    those of two neighboring steps; here its root is drawn uniformly, as in WaveGrad (Chen et al., ICLR 2021), and given to the network.
    """

    def __init__(
        self,
        network: keras.Model,
        schedule: NoiseSchedule,
        target: Target,
        scale: int,
        loss_function: Callable[[Tensor, Tensor], Tensor],
        seed: int,
        parts: int = 1,
    ):
        super().__init__(name=network.name)
        self.network, self.target, self.loss_function, self.parts = network, target, loss_function, parts
        self.bicubic = Bicubic(scale, dtype="float32")
        self.level_input = noise_level_input(network)
        self.gamma_roots = np.sqrt(schedule.gammas()).astype(np.float32)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, patches: Mapping[str, Tensor], training: bool | None = None) -> dict[str, Tensor]:
        lr, hr = (uint8_to_float(patches[name], "rgb") for name in ("lr", "hr"))
        upscaled = self.bicubic(lr)
        x0 = self.target.encode(hr, upscaled)
        noise = keras.random.normal(ops.shape(x0), seed=self.seed_generator)
        step, gamma_root = self._draw_levels(ops.shape(x0)[0])
        gamma = ops.reshape(ops.square(gamma_root), (-1, 1, 1, 1))
        noisy = add_noise(x0, noise, gamma)
        level = gamma_root if self.level_input == "noise_level" else ops.cast(step, "float32")
        prediction = self._predict({"lr": lr, "noisy": noisy, self.level_input: level[:, None]}, training)
        sr = self.target.decode(self.target.predict_x0(noisy, prediction, ops.maximum(gamma, _MIN_GAMMA)), upscaled)
        return {"sr": ops.clip(sr, 0.0, 1.0), "training_target": self.target.training_target(x0, noise, gamma), "prediction": prediction}

    def _predict(self, inputs: Mapping[str, Tensor], training: bool | None) -> Tensor:
        """Return the network's prediction, float32."""
        if self.parts == 1:
            return ops.cast(self.network(inputs, training=training), "float32")
        split = {name: ops.split(tensor, self.parts) for name, tensor in inputs.items()}
        predictions = [self.network({name: tensors[part] for name, tensors in split.items()}, training=training) for part in range(self.parts)]
        return ops.cast(ops.concatenate(predictions, axis=0), "float32")

    def _draw_levels(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw a step for each image, and a root of gamma: between two steps where the network takes it, else that of the step."""
        roots = ops.convert_to_tensor(self.gamma_roots)
        step = keras.random.randint((count,), 1, len(self.gamma_roots), seed=self.seed_generator)
        after, before = ops.take(roots, step), ops.take(roots, step - 1)
        if self.level_input == "step":
            return step, after
        return step, after + keras.random.uniform((count,), seed=self.seed_generator) * (before - after)

    def compute_loss(self, x: Tensor = None, y: Tensor = None, y_pred: Tensor = None, sample_weight: Tensor = None, training: bool = True) -> Tensor:
        return ops.mean(self.loss_function(y_pred["training_target"], y_pred["prediction"]))

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> dict[str, Tensor]:
        return super().compute_metrics(x, y, y_pred["sr"], sample_weight)
