"""HAT's blocks: attention inside windows beside channel attention, and attention to overlapping windows."""

from __future__ import annotations

from typing import Any

from visionfw.blocks.transformer import branch


def hybrid_attention_layer(
    filters: int = 180,
    heads: int = 6,
    window: int = 16,
    shift: int = 0,
    hidden: int = 360,
    compressed: int = 60,
    squeezed: int = 6,
    branch_scale: float = 0.01,
    qkv_bias: bool = True,
    drop_path: float = 0.0,
) -> dict[str, Any]:
    """Return HAT's layer: attention inside windows plus a channel attention block, both of the normalized features, and then an MLP.

    Args:
        filters: channels of its input and output.
        heads: heads of `layer_attention`.
        window: side of a window.
        shift: how far the windows are shifted.
        hidden: channels inside the MLP, `block_mlp`.
        compressed: channels between the convolutions of `block_convolved`.
        squeezed: channels between the convolutions of its channel attention.
        branch_scale: factor on that block's output.
        qkv_bias: queries, keys and values have a bias.
        drop_path: probability with which training skips the attention or the MLP for an image.

    Reference: Chen et al. (HAT), CVPR 2023.
    """
    attention = {"heads": heads, "window": window, "shift": shift, "qkv_bias": qkv_bias}
    attended, attention_links = branch("norm1", "WindowAttention", "attention", attention, drop_path)
    mixed, mlp_links = branch("norm2", "mlp", "mlp", {"filters": filters, "hidden": hidden}, drop_path)
    return {
        "links": [
            (0, "LayerNormalization", "norm1", {"epsilon": 1e-5}),
            *attention_links,
            ("norm1", "channel_attention_block", "convolved", {"filters": filters, "compressed": compressed, "reduced": squeezed}),
            ("convolved", "Rescaling", "scaled", {"scale": branch_scale}),
            ((0, attended, "scaled"), "Add", "sum"),
            ("sum", "LayerNormalization", "norm2", {"epsilon": 1e-5}),
            *mlp_links,
            (("sum", mixed), "Add", "out"),
        ]
    }


def hybrid_attention_group(
    filters: int = 180,
    depth: int = 6,
    heads: int = 6,
    window: int = 16,
    overlap: int = 8,
    hidden: int = 360,
    compressed: int = 60,
    squeezed: int = 6,
    branch_scale: float = 0.01,
    qkv_bias: bool = True,
    drop_path: float = 0.0,
    drop_path_step: float = 0.0,
    residual: str = "1conv",
) -> dict[str, Any]:
    """Return HAT's residual group: layers `block_layer_0`, ..., one of overlapping windows, `block_overlap`, and a convolution, `block_convolved`.

    Args:
        depth: number of layers before the one of overlapping windows.
        overlap: pixels by which overlapping windows are larger.
        drop_path: that of the first layer.
        drop_path_step: how much larger it is in each following layer.
        residual: the convolution, as in `residual_convolution`.
        filters, heads, window, hidden, compressed, squeezed, branch_scale, qkv_bias: as in `hybrid_attention_layer`.

    Reference: Chen et al. (HAT), CVPR 2023.
    """
    shared: dict[str, Any] = {"filters": filters, "heads": heads, "window": window, "hidden": hidden, "qkv_bias": qkv_bias}
    shared |= {"compressed": compressed, "squeezed": squeezed, "branch_scale": branch_scale}
    links: list[tuple] = []
    for number in range(depth):
        own = {"shift": window // 2 if number % 2 else 0, "drop_path": drop_path + number * drop_path_step}
        links.append((f"layer_{number - 1}" if number else 0, "hybrid_attention_layer", f"layer_{number}", shared | own))
    overlapping = {
        "attention": "OverlappingWindowAttention",
        "attention_options": {"heads": heads, "window": window, "overlap": overlap, "qkv_bias": qkv_bias},
        "mlp_options": {"filters": filters, "hidden": hidden},
    }
    return {
        "links": [
            *links,
            (f"layer_{depth - 1}", "transformer_layer", "overlap", overlapping),
            ("overlap", "residual_convolution", "convolved", {"filters": filters, "kind": residual}),
            ((0, "convolved"), "Add", "sum"),
        ]
    }
