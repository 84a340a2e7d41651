"""Keras layers of the literature that Keras lacks, on keras.ops, and some of its own made faster; importing this registers them for saving and loading.

Every layer tells `receptive_step() -> (taps, stride)`, one dimension: how many input samples an output sample reads, and how many
input samples lie between two output samples (1/4 for a layer that enlarges by 4). SpectralConv2D is measured as the Conv2D that it is.
"""

from visionfw.layers.attention import SelfAttention, WindowAttention
from visionfw.layers.channels import ChannelSlice, MeanShift
from visionfw.layers.embedding import SinusoidalEmbedding
from visionfw.layers.fast import BatchNormalization, GroupNormalization, PReLU
from visionfw.layers.padding import ReflectPadding, ReplicatePadding
from visionfw.layers.pooling import GlobalDeviationPooling2D
from visionfw.layers.resampling import Bicubic, Nearest, PixelShuffle
from visionfw.layers.spectral import SpectralConv2D

#: Every layer of ours that a dictionary can name.
LAYERS = {
    layer.__name__: layer
    for layer in (
        BatchNormalization,
        Bicubic,
        ChannelSlice,
        GlobalDeviationPooling2D,
        GroupNormalization,
        MeanShift,
        Nearest,
        PReLU,
        PixelShuffle,
        ReflectPadding,
        ReplicatePadding,
        SelfAttention,
        SinusoidalEmbedding,
        SpectralConv2D,
        WindowAttention,
    )
}
