"""Configuration of diffusion models."""

from __future__ import annotations

from dataclasses import dataclass

from visionfw.config import Config, Settled, setting
from visionfw.diffusion import TARGETS, parse_noise_schedule
from visionfw.diffusion.noise_schedule import NoiseSchedule


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(Config):
    """How a diffusion model is trained, and sampled while it is validated. Values left open mean the defaults, or the initial run's."""

    noise_schedule: Settled[NoiseSchedule] = setting(
        None,
        "noise schedule of a diffusion model, with options (linear:steps=2000); see --list=noise_schedules",
        default_text="linear",
        parse=parse_noise_schedule,
    )
    noise_target: Settled[str] = setting(None, "what the noise is added to: the image or the residual over bicubic", default_text="residual", choices=TARGETS)
    sampling_steps: Settled[int] = setting(None, "denoising steps for every validation image", default_text="20", minimum=1)
