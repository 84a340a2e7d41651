"""Layers of vision transformers: normalization, attention and a small network of dense layers, each inside a residual connection."""

from __future__ import annotations

from typing import Any

#: The initializer of dense layers in Swin transformers.
TRUNCATED_NORMAL = {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}


def mlp(filters: int = 180, hidden: int = 360) -> dict[str, Any]:
    """Return two dense layers, `layer_fc1` and `layer_fc2`, with exact GELU between, at every pixel.

    Args:
        filters: channels of its output.
        hidden: channels between.
    """
    return {
        "links": [
            (0, "Dense", "fc1", {"units": hidden, "kernel_initializer": TRUNCATED_NORMAL}),
            ("fc1", "gelu", "active"),
            ("active", "Dense", "fc2", {"units": filters, "kernel_initializer": TRUNCATED_NORMAL}),
        ]
    }


def transformer_layer(
    attention: str = "WindowAttention",
    attention_options: dict | None = None,
    mlp: str = "mlp",
    mlp_options: dict | None = None,
    drop_path: float = 0.0,
    epsilon: float = 1e-5,
    norm_first: bool = True,
) -> dict[str, Any]:
    """Return a transformer layer: x + attention(norm(x)), and then x + mlp(norm(x)).

    Args:
        attention: a layer or block, `layer_attention` or `block_attention`.
        attention_options: its parameters.
        mlp: a layer or block, `layer_mlp` or `block_mlp`.
        mlp_options: its parameters.
        drop_path: probability with which training skips a residual branch for an image (stochastic depth).
        epsilon: of the layer normalizations `norm_norm1` and `norm_norm2`.
        norm_first: normalize before attention and MLP; False for behind them, as in Swin V2.

    Reference: Dosovitskiy et al., ICLR 2021; Huang et al. (stochastic depth), ECCV 2016; Liu et al. (Swin Transformer V2), CVPR 2022.
    """
    steps: list[tuple[_Step, _Step]] = [
        (("norm1", "LayerNormalization", {"epsilon": epsilon}), ("attention", attention, attention_options)),
        (("norm2", "LayerNormalization", {"epsilon": epsilon}), ("mlp", mlp, mlp_options)),
    ]
    (first, second), (third, fourth) = steps if norm_first else [(later, earlier) for earlier, later in steps]
    attended, attention_links = _series(0, first, second, drop_path)
    mixed, mlp_links = _series("sum", third, fourth, drop_path)
    return {"links": [*attention_links, ((0, attended), "Add", "sum"), *mlp_links, (("sum", mixed), "Add", "out")]}


def swin_layer(filters: int = 180, heads: int = 6, window: int = 8, shift: int = 0, hidden: int = 360, qkv_bias: bool = True, drop_path: float = 0.0) -> dict:
    """Return a Swin transformer layer: attention inside windows, then an MLP.

    Args:
        filters: channels of its input and output.
        heads: heads of the attention.
        window: side of a window.
        shift: how far the windows are shifted; half a window in every second layer.
        hidden: channels inside the MLP.
        qkv_bias: queries, keys and values have a bias.
        drop_path: probability with which training skips a residual branch for an image.

    Reference: Liu et al., ICCV 2021; Liang et al. (SwinIR), ICCVW 2021.
    """
    attention = {"heads": heads, "window": window, "shift": shift, "qkv_bias": qkv_bias}
    return transformer_layer("WindowAttention", attention, "mlp", {"filters": filters, "hidden": hidden}, drop_path)


def swin_group(
    filters: int = 180,
    depth: int = 6,
    heads: int = 6,
    window: int = 8,
    hidden: int = 360,
    attention: str = "WindowAttention",
    mlp: str = "mlp",
    qkv_bias: bool = True,
    norm_first: bool = True,
    drop_path: float = 0.0,
    drop_path_step: float = 0.0,
    residual: str = "1conv",
    projected: bool = False,
) -> dict[str, Any]:
    """Return SwinIR's residual group: layers `block_layer_0`, `block_layer_1`, ... and a convolution, `block_convolved`.

    Args:
        filters: channels of its input and output.
        depth: number of layers.
        heads: heads of the attention.
        window: side of a window; windows are shifted by half of it in every second layer.
        hidden: channels inside the MLPs.
        attention: a layer with the parameters of WindowAttention.
        mlp: a block with the parameters of `mlp`.
        qkv_bias: queries, keys and values have a bias.
        norm_first: normalize before attention and MLP; False for behind them.
        drop_path: probability with which training skips a branch of the first layer.
        drop_path_step: how much larger it is in each following layer.
        residual: the convolution, as in `residual_convolution`.
        projected: a 1x1 convolution follows it, `conv_projected` (Swin2SR).

    Reference: Liang et al. (SwinIR), ICCVW 2021.
    """
    links: list[tuple] = []
    for number in range(depth):
        options = {
            "attention": attention,
            "attention_options": {"heads": heads, "window": window, "shift": window // 2 if number % 2 else 0, "qkv_bias": qkv_bias},
            "mlp": mlp,
            "mlp_options": {"filters": filters, "hidden": hidden},
            "drop_path": drop_path + number * drop_path_step,
            "norm_first": norm_first,
        }
        links.append((f"layer_{number - 1}" if number else 0, "transformer_layer", f"layer_{number}", options))
    links.append((f"layer_{depth - 1}", "residual_convolution", "convolved", {"filters": filters, "kind": residual}))
    if projected:
        links.append(("convolved", "Conv2D", "projected", {"filters": filters, "kernel_size": 1}))
    return {"links": [*links, ((0, "projected" if projected else "convolved"), "Add", "sum")]}


def residual_convolution(filters: int = 180, kind: str = "1conv") -> dict[str, Any]:
    """Return the convolution that ends a residual group of transformer layers.

    Args:
        filters: channels of its input and output.
        kind: "1conv" for one 3x3 convolution, `conv_full`; "3conv" for a bottleneck of a quarter of the channels with 3x3, 1x1 and 3x3
            convolutions, `conv_first`, `conv_middle` and `conv_last`; "identity" for none.

    Raises:
        ValueError: another kind.
    """
    if kind == "identity":
        return {"links": [(0, "linear", "same")]}
    if kind == "1conv":
        return {"links": [(0, "Conv2D", "full", {"filters": filters})]}
    if kind != "3conv":
        raise ValueError(f"kind must be '1conv', '3conv' or 'identity', not {kind!r}")
    leaky = {"negative_slope": 0.2}
    return {
        "links": [
            (0, "Conv2D", "first", {"filters": filters // 4}),
            ("first", "LeakyReLU", "first_active", leaky),
            ("first_active", "Conv2D", "middle", {"filters": filters // 4, "kernel_size": 1}),
            ("middle", "LeakyReLU", "middle_active", leaky),
            ("middle_active", "Conv2D", "last", {"filters": filters}),
        ]
    }


#: A layer of a residual branch: its target, its name, its parameters.
_Step = tuple[str, str, dict | None]


def _series(source: str | int, first: _Step, second: _Step, drop_path: float) -> tuple[str, list[tuple]]:
    """Return the last node of a residual branch of two layers, and its links."""
    target, layer, options = first
    last, links = branch(target, second[1], second[0], second[2], drop_path)
    return last, [(source, layer, target, options or {}), *links]


def branch(source: str, layer: str, target: str, options: dict | None, drop_path: float) -> tuple[str, list[tuple]]:
    """Return the last node of a residual branch, and its links: a layer, and where training skips it, a dropout of whole images."""
    links: list[tuple] = [(source, layer, target, options or {})]
    if not drop_path:
        return target, links
    dropped = f"{target}_dropped"
    return dropped, [*links, (target, "Dropout", dropped, {"rate": drop_path, "noise_shape": [None, 1, 1, 1]})]
