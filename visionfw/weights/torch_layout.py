"""The weights of a Keras layer as PyTorch's modules store them: the end of each key, the order of axes, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np

from visionfw.layers.facts import facts_of
from visionfw.weights.layouts import Misfit, converted, fit, reference_epsilon, reorder_behind_flatten, role_of, weights_of

#: Keras' name of a weight -> PyTorch's.
_SUFFIXES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "alpha": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def suffixes_of(layer: keras.layers.Layer) -> dict[str, str]:
    """Return the end of PyTorch's key for each weight of a layer, by the weight's name.

    A layer class may say them in an attribute `torch_weights`: {"qkv_kernel": "qkv.weight"}.
    """
    own: Mapping[str, str] = getattr(type(layer), "torch_weights", {})
    return {variable.name: own.get(variable.name) or _SUFFIXES.get(variable.name, variable.name) for variable in weights_of(layer)}


def buffers_of(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    """Return what PyTorch stores beside the weights and nothing needs: end of the key -> values.

    A layer class may say them in a method `torch_buffers()`; an end that begins with '^' takes the place of the key's last part.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return {"num_batches_tracked": np.array(0, np.int64)}
    return dict(layer.torch_buffers()) if hasattr(layer, "torch_buffers") else {}


def from_torch(layer: keras.layers.Layer, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the values of a layer's weights in the layer's axis order.

    Args:
        layer: a built layer.
        values: weight's name -> PyTorch's array, for every weight of the layer or a few.

    Raises:
        Misfit: an array has another shape.
    """
    variables = {variable.name: variable for variable in weights_of(layer)}
    if hasattr(type(layer), "torch_weights"):
        return {name: _own_from_torch(variables[name], array) for name, array in values.items()}
    if set(values) == set(variables):
        arrays = converted(layer, {role_of(variables[name]): array for name, array in values.items()}, "pytorch")
        return dict(zip(variables, arrays, strict=True))
    return {name: fit(layer, variables[name], array, "pytorch") for name, array in values.items()}


def to_torch(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    """Return a layer's weights in PyTorch's axis order, float32, by the weights' names."""
    values = {variable.name: keras.ops.convert_to_numpy(variable).astype(np.float32) for variable in weights_of(layer)}
    if hasattr(type(layer), "torch_weights"):
        return {name: _own_to_torch(name, array) for name, array in values.items()}
    if isinstance(layer, keras.layers.BatchNormalization) and "gamma" in values:  # the inverse of what reading does
        variance = values["moving_variance"].astype(np.float64)
        values["gamma"] = (values["gamma"] * np.sqrt((variance + reference_epsilon(layer)) / (variance + layer.epsilon))).astype(np.float32)
    kernel_axes = facts_of(layer).kernel_axes
    return {name: _TO_TORCH[kernel_axes](layer, array) if name == "kernel" and kernel_axes else _flat_alpha(name, array) for name, array in values.items()}


def _flat_alpha(name: str, array: np.ndarray) -> np.ndarray:
    return array.reshape(-1) if name == "alpha" else array


def _linear(layer: keras.layers.Layer, kernel: np.ndarray) -> np.ndarray:
    """IO -> OI."""
    return reorder_behind_flatten(layer, np.ascontiguousarray(kernel.T), to_torch=True)


def _convolution(layer: keras.layers.Layer, kernel: np.ndarray) -> np.ndarray:
    """HWIO -> OIHW, or a transposed convolution's HWOI -> IOHW."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def _depthwise(layer: keras.layers.Layer, kernel: np.ndarray) -> np.ndarray:
    """HWIM -> (I x M)1HW."""
    rows, columns, channels, multiplier = kernel.shape
    return np.ascontiguousarray(kernel.transpose(2, 3, 0, 1)).reshape(channels * multiplier, 1, rows, columns)


#: Axes of a kernel in Keras -> how it is brought into PyTorch's order.
_TO_TORCH: dict[str, Callable[[keras.layers.Layer, np.ndarray], np.ndarray]] = {
    "HWIO": _convolution,
    "HWOI": _convolution,
    "HWIM": _depthwise,
    "IO": _linear,
}


# --- layers that name their weights themselves -------------------------------------------------------------------------


def _own_to_torch(name: str, array: np.ndarray) -> np.ndarray:
    if name.endswith("depthwise_kernel"):
        return _TO_TORCH["HWIM"](None, array)
    if name.endswith("kernel") and array.ndim in (2, 4):
        return np.ascontiguousarray(array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1))
    return array


def _own_from_torch(variable: keras.Variable, array: np.ndarray) -> np.ndarray:
    shape = tuple(variable.shape)
    fitted: np.ndarray | None = array
    if variable.name.endswith("depthwise_kernel"):
        rows, columns, channels, multiplier = shape
        fitted = array.reshape(channels, multiplier, rows, columns).transpose(2, 3, 0, 1) if array.shape == (channels * multiplier, 1, rows, columns) else None
    elif variable.name.endswith("kernel") and len(shape) in (2, 4) and array.ndim == len(shape):
        fitted = array.T if len(shape) == 2 else array.transpose(2, 3, 1, 0)
    elif array.size == np.prod(shape) and [size for size in array.shape if size > 1] == [size for size in shape if size > 1]:
        fitted = array.reshape(shape)
    if fitted is None or fitted.shape != shape:
        raise Misfit(f"its {variable.name} has shape {shape}, the file's {array.shape}")
    return fitted
