"""One denoising step of sampling: from a noisy image and the predicted x0 to an image with less noise. Members of `diffusion.SAMPLING`."""

from __future__ import annotations

from visionfw.numerics import Tensor


def ddpm_step(noisy: Tensor, x0: Tensor, gamma: float, next_gamma: float, fresh: Tensor) -> Tensor:
    """Take an ancestral step: draw from the posterior of the less noisy image, given the noisy one and x0.

    Args:
        noisy: the image with the noise of `gamma`.
        x0: the image without noise, as predicted.
        gamma: of `noisy`.
        next_gamma: of the result; larger.
        fresh: standard normal noise in the shape of `noisy`.

    Reference: Ho et al., Denoising Diffusion Probabilistic Models, NeurIPS 2020, equations 6 and 7.
    """
    beta = 1.0 - gamma / next_gamma
    mean = next_gamma**0.5 * beta / (1.0 - gamma) * x0 + (1.0 - beta) ** 0.5 * (1.0 - next_gamma) / (1.0 - gamma) * noisy
    return mean + (beta * (1.0 - next_gamma) / (1.0 - gamma)) ** 0.5 * fresh


def ddim_step(noisy: Tensor, x0: Tensor, gamma: float, next_gamma: float, fresh: Tensor, *, eta: float = 0.0) -> Tensor:
    """Take a step along the noise that x0 implies.

    Args:
        noisy, x0, gamma, next_gamma, fresh: as for `ddpm_step`.
        eta: 0 for a deterministic step, 1 for one as random as `ddpm_step`.

    Reference: Song et al., Denoising Diffusion Implicit Models, ICLR 2021, equations 12 and 16.
    """
    noise = (noisy - gamma**0.5 * x0) / (1.0 - gamma) ** 0.5
    deviation = eta * ((1.0 - next_gamma) / (1.0 - gamma) * (1.0 - gamma / next_gamma)) ** 0.5
    return next_gamma**0.5 * x0 + max(1.0 - next_gamma - deviation**2, 0.0) ** 0.5 * noise + deviation * fresh
