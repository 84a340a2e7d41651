"""Receptive windows: which input samples an output sample of a layer reads, along one image axis. No Keras here."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple


class Window(NamedTuple):
    """What a layer reads along one axis: output sample p reads input samples p x stride + low to p x stride + high.

    Attributes:
        taps: how many input samples an output sample reads; math.inf for all of them.
        stride: input samples between two neighboring output samples: 2 for a layer that halves the size, 1/4 for one that enlarges by 4.
        low, high: the first and last sample read; not tighter than what the layer reads, possibly wider.
    """

    taps: float
    stride: Fraction
    low: float
    high: float

    @classmethod
    def around(cls, taps: float, stride: float | Fraction = 1) -> Window:
        """Return the window of a layer that reads `taps` samples around an output sample's own place.

        Args:
            taps: number of samples; math.inf for the whole image.
            stride: input samples between output samples; 1 / scale for a layer that enlarges.
        """
        step = Fraction(stride).limit_denominator(64)
        if math.isinf(taps):
            return cls(taps, step, -math.inf, math.inf)
        if step >= 1:
            return cls(taps, step, -(taps - 1) / 2, (taps - 1) / 2)
        margin = 0.0 if taps == 1 else taps / 2 + 0.5  # an output sample lies at a fraction of an input sample, among the taps around it
        return cls(taps, step, -margin - float(1 - step), margin)

    @classmethod
    def strided(cls, taps: int, stride: int, is_padded: bool) -> Window:
        """Return the window of a convolution or pooling.

        Args:
            taps: samples from the first to the last that is read, dilation included.
            stride: its stride.
            is_padded: its padding is "same", so the input begins before the first sample.
        """
        padded = max(taps - stride, 0) // 2 if is_padded else 0
        return cls(taps, Fraction(stride), -float(padded), float(taps - 1 - padded))

    @classmethod
    def shifted(cls, samples: float) -> Window:
        """Return the window of a layer that only moves samples: output sample p is input sample p + `samples`."""
        return cls(1, Fraction(1), samples, samples)


#: A layer whose output pixels read the one input pixel at their own place.
POINTWISE = Window.around(1)
#: A layer whose output pixels may read every input pixel: global pooling, or a layer that is not known.
WHOLE_IMAGE = Window.around(math.inf)
