"""The Keras layers that a model dictionary can name: the one table of what visionfw knows about them.

It is an allow list: a layer that is not in it is refused, so that a layer of a later Keras release cannot be named before somebody has
made sure that it neither runs code nor reads files nor holds other layers. `REFUSED` says why the others are not in it.

No Keras here, because the dictionary language needs the table before Keras is imported. The functions take built layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from visionfw.layers.windows import POINTWISE, WHOLE_IMAGE, Window

#: A tensor's shape without the batch.
Shape = tuple[int, ...]


def _whole_image(layer: Any, axis: int) -> Window:
    return WHOLE_IMAGE


def _no_multiply_adds(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    return 0


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """What visionfw knows about a layer beyond Keras' interface. The defaults are those of a layer that is not known.

    Attributes:
        group: the group of links that it stands in where a dictionary does not say.
        takes: which of its group's default parameters the layer takes; None for all.
        kernel_initializer: the parameter that `--initializer` sets; "" where the layer has no kernel.
        weights_follow: the input axes that its weights depend on: "channels" (the last one), "pixels" (all that `shared_axes` does not
            name), or "" for none.
        groups: the default of its parameter `groups`, which must divide the channels; None where it has no such parameter.
        merges: what it makes of several sources: "equal" (element by element, equal shapes), "broadcast" (one channel goes with many),
            "concatenate", "dot", or "" for a layer of one source.
        sources: the exact number of sources it takes; None for any.
        kernel_axes: the axes of its kernel in Keras: H, W, I(nput), O(utput), M(ultiplier of a depthwise convolution); "" without a kernel.
        window: what an output pixel reads along image axis 0 or 1, from the built layer and the axis.
        multiply_adds: multiply-adds of one call, from the built layer, the shapes of its sources and of its output.
    """

    group: str = "layer"
    takes: frozenset[str] | None = None
    kernel_initializer: str = ""
    weights_follow: str = ""
    groups: int | None = None
    merges: str = ""
    sources: int | None = None
    kernel_axes: str = ""
    window: Callable[[Any, int], Window] = _whole_image
    multiply_adds: Callable[[Any, tuple[Shape, ...], Shape], int] = _no_multiply_adds


# --- windows -------------------------------------------------------------------------------------------------------


def _pointwise(layer: Any, axis: int) -> Window:
    return POINTWISE


def _pointwise_along_channels(layer: Any, axis: int) -> Window:
    """A layer or operation that computes over some axes, which may be the channels alone."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return POINTWISE if set(axes) <= {-1, 3} else WHOLE_IMAGE


def convolution_window(layer: Any, axis: int) -> Window:
    """Return the window of a convolution along image axis 0 or 1."""
    dilation = layer.dilation_rate if isinstance(layer.dilation_rate, int) else layer.dilation_rate[axis]
    return Window.strided((layer.kernel_size[axis] - 1) * dilation + 1, layer.strides[axis], layer.padding == "same")


def _transposed_window(layer: Any, axis: int) -> Window:
    kernel, stride = layer.kernel_size[axis], layer.strides[axis]
    cropped = max(kernel - stride, 0) // 2 if layer.padding == "same" else 0
    return Window(-(-kernel // stride), Fraction(1, stride), -(kernel - 1 - cropped) / stride, cropped / stride)


def _pooling_window(layer: Any, axis: int) -> Window:
    return Window.strided(layer.pool_size[axis], layer.strides[axis], layer.padding == "same")


def _upsampling_window(layer: Any, axis: int) -> Window:
    taps = {"nearest": 1, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}.get(layer.interpolation, math.inf)
    return Window.around(taps, Fraction(1, layer.size[axis]))


def _padding_window(layer: Any, axis: int) -> Window:
    return Window.shifted(-layer.padding[axis][0])


def _cropping_window(layer: Any, axis: int) -> Window:
    return Window.shifted(layer.cropping[axis][0])


# --- multiply-adds ---------------------------------------------------------------------------------------------------


def _at_each_output(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    """The kernel is applied at each output position."""
    return math.prod(output[:-1]) * math.prod(layer.kernel.shape)


def _at_each_input(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    """The kernel is applied at each input position: a transposed convolution, counted as in FSRCNN's paper."""
    return math.prod(sources[0][:-1]) * math.prod(layer.kernel.shape)


def _separable(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    return math.prod(output[:-1]) * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))


def _multi_head_attention(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    """The projections, and the two products of queries and keys, weights and values."""
    config = layer.get_config()
    heads, key_depth = config["num_heads"], config["key_dim"]
    value_depth = config["value_dim"] or key_depth
    query, value = sources[0], sources[1]
    key = sources[2] if len(sources) > 2 else value
    queries, values = math.prod(query[:-1]), math.prod(value[:-1])
    projections = queries * query[-1] * heads * key_depth + values * heads * (key[-1] * key_depth + value[-1] * value_depth)
    return projections + queries * values * heads * (key_depth + value_depth) + queries * heads * value_depth * output[-1]


# --- the table -------------------------------------------------------------------------------------------------------

_BIAS = {"use_bias", "bias_initializer", "bias_regularizer", "bias_constraint"}
_CONVOLUTION = {"kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "activity_regularizer", *_BIAS}
_KERNEL = {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}
_DEPTHWISE = {"depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"}
_POINTWISE = {"pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"}
_SCALE = {"axis", "epsilon", "center", "scale"}
_SCALE |= {f"{weight}_{kind}" for weight in ("beta", "gamma") for kind in ("initializer", "regularizer", "constraint")}
_BATCH_STATISTICS = {"momentum", "moving_mean_initializer", "moving_variance_initializer", "renorm", "renorm_clipping", "renorm_momentum", "synchronized"}


def _takes(*names: str) -> frozenset[str]:
    return frozenset(names)


def _plain(names: str, **facts: Any) -> dict[str, LayerFacts]:
    """Return rows for layers that have the same facts."""
    return dict.fromkeys(names.split(), LayerFacts(**facts))


KERAS_LAYERS: dict[str, LayerFacts] = {
    # convolutions
    "Conv2D": LayerFacts(
        group="conv",
        takes=_takes("filters", "groups", *_CONVOLUTION, *_KERNEL),
        kernel_initializer="kernel_initializer",
        weights_follow="channels",
        groups=1,
        kernel_axes="HWIO",
        window=convolution_window,
        multiply_adds=_at_each_output,
    ),
    "Conv2DTranspose": LayerFacts(
        group="conv",
        takes=_takes("filters", "output_padding", *_CONVOLUTION, *_KERNEL),
        kernel_initializer="kernel_initializer",
        weights_follow="channels",
        kernel_axes="HWOI",
        window=_transposed_window,
        multiply_adds=_at_each_input,
    ),
    "DepthwiseConv2D": LayerFacts(
        group="conv",
        takes=_takes(*_CONVOLUTION, *_DEPTHWISE),
        kernel_initializer="depthwise_initializer",
        weights_follow="channels",
        kernel_axes="HWIM",
        window=convolution_window,
        multiply_adds=_at_each_output,
    ),
    "SeparableConv2D": LayerFacts(
        group="conv",
        takes=_takes("filters", *_CONVOLUTION, *_DEPTHWISE, *_POINTWISE),
        weights_follow="channels",
        window=convolution_window,
        multiply_adds=_separable,
    ),
    **_plain("Conv1D Conv3D DepthwiseConv1D", group="conv", multiply_adds=_at_each_output),
    **_plain("Conv1DTranspose Conv3DTranspose", group="conv", multiply_adds=_at_each_input),
    **_plain("SeparableConv1D", group="conv", multiply_adds=_separable),
    # dense layers and attention
    "Dense": LayerFacts(
        kernel_initializer="kernel_initializer",
        weights_follow="channels",
        kernel_axes="IO",
        window=_pointwise,
        multiply_adds=_at_each_output,
    ),
    "MultiHeadAttention": LayerFacts(multiply_adds=_multi_head_attention),
    **_plain("AdditiveAttention Attention EinsumDense Embedding GroupQueryAttention"),
    # normalization
    "BatchNormalization": LayerFacts(group="norm", takes=_takes(*_SCALE, *_BATCH_STATISTICS), weights_follow="channels", window=_pointwise),
    "GroupNormalization": LayerFacts(group="norm", takes=_takes(*_SCALE, "groups"), weights_follow="channels", groups=32),
    "LayerNormalization": LayerFacts(group="norm", takes=_takes(*_SCALE), weights_follow="channels", window=_pointwise_along_channels),
    **_plain("RMSNormalization UnitNormalization", group="norm", window=_pointwise_along_channels),
    **_plain("Normalization", group="norm"),
    # activations
    "Activation": LayerFacts(group="activation", takes=_takes("activation"), window=_pointwise),
    "ELU": LayerFacts(group="activation", takes=_takes("alpha"), window=_pointwise),
    "LeakyReLU": LayerFacts(group="activation", takes=_takes("negative_slope"), window=_pointwise),
    "PReLU": LayerFacts(
        group="activation",
        takes=_takes("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes"),
        weights_follow="pixels",
        window=_pointwise,
    ),
    "ReLU": LayerFacts(group="activation", takes=_takes("max_value", "negative_slope", "threshold"), window=_pointwise),
    "Softmax": LayerFacts(group="activation", takes=_takes("axis"), window=_pointwise_along_channels),
    # several sources into one
    **_plain("Add Average Maximum Minimum", group="merge", takes=_takes(), merges="equal", window=_pointwise),
    "Subtract": LayerFacts(group="merge", takes=_takes(), merges="equal", sources=2, window=_pointwise),
    "Multiply": LayerFacts(group="merge", takes=_takes(), merges="broadcast", window=_pointwise),
    "Concatenate": LayerFacts(group="merge", takes=_takes("axis"), merges="concatenate", window=_pointwise),
    "Dot": LayerFacts(group="merge", takes=_takes("axes", "normalize"), merges="dot", sources=2),
    # sizes
    "UpSampling2D": LayerFacts(window=_upsampling_window),
    "ZeroPadding2D": LayerFacts(window=_padding_window),
    "Cropping2D": LayerFacts(window=_cropping_window),
    **_plain("AveragePooling2D MaxPooling2D", window=_pooling_window),
    **_plain("AveragePooling1D AveragePooling3D MaxPooling1D MaxPooling3D UpSampling1D UpSampling3D ZeroPadding1D ZeroPadding3D Cropping1D Cropping3D"),
    **_plain("AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D"),
    **_plain("GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D"),
    **_plain("CenterCrop Flatten Permute RepeatVector Reshape Resizing"),
    # the rest
    **_plain("ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise Identity Masking Rescaling SpatialDropout2D", window=_pointwise),
    **_plain("SpatialDropout1D SpatialDropout3D"),
}

_ACTIVATION_FUNCTIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 "
    "selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold"
)
#: Keras' activation functions, which stand in the group `activation` by their names.
ACTIVATION_FUNCTIONS = frozenset(_ACTIVATION_FUNCTIONS.split())

_POOLING = {"AvgPool": "AveragePooling", "MaxPool": "MaxPooling"}
#: Keras' second names of layers -> their first ones.
ALIASES: dict[str, str] = {
    **{name.replace("Conv", "Convolution"): name for name in KERAS_LAYERS if name.startswith(("Conv", "SeparableConv"))},
    **{f"{where}{short}{n}D": f"{where}{full}{n}D" for short, full in _POOLING.items() for where in ("", "Global") for n in (1, 2, 3)},
}

_REFUSALS = {
    "it holds code; register a layer class with vf.register_layer": "Lambda",
    "it holds code": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "it holds other layers": "Bidirectional Pipeline RNN SpectralNormalization StackedRNNCells TimeDistributed Wrapper",
    "it reads files": "IntegerLookup StringLookup TextVectorization",
    "inputs are named by 'inputs'": "Input InputLayer InputSpec Layer",
    "it works on sequences, not on images": "ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell SimpleRNN SimpleRNNCell",
    "it works on sound, text or tables, not on images": (
        "CategoryEncoding Discretization HashedCrossing Hashing MelSpectrogram ReversibleEmbedding STFTSpectrogram"
    ),
    "it changes training images, which --augment and --degradation do": (
        "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MaxNumBoundingBoxes MixUp RandAugment "
        "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip "
        "RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation "
        "RandomSharpness RandomShear RandomTranslation RandomZoom Solarization"
    ),
}
#: Keras' layers that a dictionary cannot name, with the reason.
REFUSED: dict[str, str] = {name: reason for reason, names in _REFUSALS.items() for name in names.split()}
#: Why a layer is refused that stands in neither table: it came with a later release of Keras.
UNLISTED = "it is not among the Keras layers that visionfw has reviewed; if it is safe, register it under another name with vf.register_layer"

_POINTWISE_OPERATIONS = (
    "Add Subtract Multiply Divide TrueDivide Maximum Minimum Power Where Concatenate Cast Clip Round "
    "Abs Absolute Negative Square Sqrt Rsqrt Reciprocal Exp Log Log1p Sin Cos Tanh Sign "
    "Relu Relu6 LeakyRelu Elu Selu Celu Gelu Silu Sigmoid HardSigmoid HardSilu Softplus Softsign LogSigmoid"
)
_OPERATIONS_OVER_AXES = "Mean Sum Max Min Amax Amin Var Std Softmax LogSoftmax Normalize Cumsum"
#: Windows of the operations of keras.ops that blocks written as Python functions are made of; every other one may read the whole image.
OPERATION_WINDOWS: dict[str, Callable[[Any, int], Window]] = {
    **dict.fromkeys(_POINTWISE_OPERATIONS.split(), _pointwise),
    **dict.fromkeys(_OPERATIONS_OVER_AXES.split(), _pointwise_along_channels),
}
