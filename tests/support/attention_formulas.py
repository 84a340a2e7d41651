"""What layers of attention compute, pixel by pixel in plain NumPy."""

import numpy as np
from scipy.special import erf


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def normalized(x, gamma, beta):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma + beta


def rectangle_windows(x, weights, heads=4, window=(2, 4)):
    """Attend inside shifted windows of 2 x 4 with half of the channels and of 4 x 2 with the other half; pixels of zero padding are attended to."""
    n, h, w, c = x.shape
    c //= 3
    side = max(window)
    padded = np.pad(x, ((0, 0), (0, -h % side), (0, -w % side), (0, 0)))
    places = list(np.ndindex(padded.shape[1:3]))
    out = np.zeros((n, *padded.shape[1:3], c))
    depth = c // heads
    for half, sides in enumerate((window, window[::-1])):
        network = weights[14 * half : 14 * half + 14]
        for p in places:
            seen = [q for q in places if all((p[axis] - sides[axis] // 2) // sides[axis] == (q[axis] - sides[axis] // 2) // sides[axis] for axis in (0, 1))]
            bias = np.stack([position_bias(np.subtract(p, q), network) for q in seen])
            for head in range(heads // 2):
                channels = slice(half * c // 2 + head * depth, half * c // 2 + (head + 1) * depth)
                query, keys, values = (padded[..., part * c : (part + 1) * c][..., channels] for part in range(3))
                rows, columns = np.transpose(seen)
                logits = np.einsum("nc,nsc->ns", query[:, p[0], p[1]], keys[:, rows, columns]) / np.sqrt(depth) + bias[:, head]
                out[:, p[0], p[1], channels] = np.einsum("ns,nsc->nc", softmax(logits), values[:, rows, columns])
    return out[:, :h, :w]


def position_bias(offset, network):
    """Return the bias of each head for two pixels that are `offset` apart, from a network of three normalized layers."""
    kernel, bias, *rest = network
    gammas, betas, kernels, biases = (rest[start : start + 3] for start in (0, 3, 6, 9))
    x = offset @ kernel + bias
    for stage in range(3):
        x = np.maximum(normalized(x, gammas[stage], betas[stage]), 0) @ kernels[stage] + biases[stage]
    return x


def among_channels(x, weights, heads=2):
    """Attend among the channels of each head, each a vector of all pixels divided by its length."""
    n, h, w, c = x.shape
    query, key, value = (part.reshape(n, h * w, heads, c // 3 // heads) for part in np.split(x, 3, axis=-1))
    query, key = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (query, key))
    weight = softmax(np.einsum("npha,nphb->nhab", query, key) * weights[0])
    return np.einsum("nhab,nphb->npha", weight, value).reshape(n, h, w, c // 3)


def depthwise(x, kernel, bias):
    """Convolve each channel with its own 3x3 kernel, zeros around the image."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return bias + sum(padded[:, i : i + x.shape[1], j : j + x.shape[2]] * kernel[i, j, :, 0] for i in range(3) for j in range(3))


def shrunk(x, kernel, bias):
    """Weigh blocks of 4x4 pixels; what is left over is cut off, and what is shorter is padded."""
    padded = np.pad(x, ((0, 0), (0, max(4 - x.shape[1], 0)), (0, max(4 - x.shape[2], 0)), (0, 0)))
    rows, columns = padded.shape[1] // 4, padded.shape[2] // 4
    blocks = padded[:, : 4 * rows, : 4 * columns].reshape(len(x), rows, 4, columns, 4, -1)
    return np.einsum("nricjk,ijk->nrck", blocks, kernel[..., 0]) + bias


def to_representatives(x, weights, heads=2, ratio=0.5):
    """Attend to what two reductions leave of the image, the least that there are."""
    reduction, local, squeeze, norm, query, key, value, encoding, projection = (weights[start : start + 2] for start in range(0, 18, 2))
    few = depthwise(shrunk(shrunk(x, *reduction), *reduction), *local)
    few = normalized(few @ squeeze[0][0, 0] + squeeze[1], *norm)
    few = few * (1 + erf(few / np.sqrt(2))) / 2
    values = few @ value[0] + value[1]
    values = (values + depthwise(values, *encoding)).reshape(len(x), -1, heads, x.shape[-1] // heads)
    queries, keys = ((tensor @ kernel + bias).reshape(len(x), -1, heads, kernel.shape[1] // heads) for tensor, (kernel, bias) in ((x, query), (few, key)))
    logits = np.einsum("nphc,nqhc->nhpq", queries, keys) / np.sqrt(x.shape[-1] // heads * ratio)
    return np.einsum("nhpq,nqhc->nphc", softmax(logits), values).reshape(x.shape) @ projection[0] + projection[1]


def in_blocks(x, weights, grid=True, heads=2, window=2):
    """Attend among the pixels of blocks, or of grids of the pixels that are a height / window and a width / window apart."""
    n, h, w, c = x.shape
    c //= 3
    bias = weights[0].reshape(2 * window - 1, 2 * window - 1, heads)
    out = np.zeros((n, h, w, c))
    steps = (h // window, w // window)
    group, place = (lambda p: tuple(np.mod(p, steps)), lambda p: np.floor_divide(p, steps)) if grid else (lambda p: (p[0] // window, p[1] // window), np.array)
    for p in np.ndindex(h, w):
        seen = [q for q in np.ndindex(h, w) if group(q) == group(p)]
        for head in range(heads):
            channels = slice(head * c // heads, (head + 1) * c // heads)
            query, keys, values = (x[..., part * c : (part + 1) * c][..., channels] for part in range(3))
            away = [tuple(place(p) - place(q) + window - 1) for q in seen]
            rows, columns = np.transpose(seen)
            logits = np.einsum("nc,nsc->ns", query[:, p[0], p[1]], keys[:, rows, columns]) / np.sqrt(c / heads) + [bias[one][head] for one in away]
            out[:, p[0], p[1], channels] = np.einsum("ns,nsc->nc", softmax(logits), values[:, rows, columns])
    return out


def channels_in_blocks(x, weights, grid=False, heads=2, window=2):
    """Attend among the channels of blocks, or of grids of every window-th pixel."""
    n, h, w, c = x.shape
    out = np.zeros((n, h, w, c // 3))
    for i in range(window if grid else h // window):
        for j in range(window if grid else w // window):
            rows, columns = (slice(k, None, window) if grid else slice(k * window, (k + 1) * window) for k in (i, j))
            out[:, rows, columns] = among_channels(x[:, rows, columns], weights, heads)
    return out


def shifted_windows(x, weights, heads=2, side=4, shift=2):
    """Attend among the pixels of a shifted window, with a bias for each relative position."""
    n, h, w, c = x.shape
    query, key, value = (part.reshape(n, h, w, heads, c // 3 // heads) for part in np.split(x, 3, axis=-1))
    table = weights[0].reshape(2 * side - 1, 2 * side - 1, heads)
    places = list(np.ndindex(h, w))
    out = np.zeros((n, h, w, heads, c // 3 // heads))
    for p in places:
        seen = [q for q in places if all((p[axis] - shift) // side == (q[axis] - shift) // side for axis in (0, 1))]
        rows, columns = np.transpose(seen)
        bias = np.stack([table[p[0] - q[0] + side - 1, p[1] - q[1] + side - 1] for q in seen])
        logits = np.einsum("nhc,nshc->nsh", query[:, p[0], p[1]], key[:, rows, columns]) / np.sqrt(c // 3 // heads) + bias
        out[:, p[0], p[1]] = np.einsum("nsh,nshc->nhc", softmax(logits, axis=1), value[:, rows, columns])
    return out.reshape(n, h, w, c // 3)


def shares_of_tokens(inputs, weights):
    """Compare pixels and tokens by the cosine of two projections."""
    x, tokens = inputs
    query, key = (array @ kernel + bias for array, kernel, bias in ((x, *weights[:2]), (tokens, *weights[2:4])))
    query, key = (array / np.linalg.norm(array, axis=-1, keepdims=True) for array in (query, key))
    return softmax(np.einsum("nhwr,nmr->nhwm", query, key) * (1 + np.clip(weights[4], 0, 1) * np.log(tokens.shape[1])))


def among_alike(inputs, weights, heads=2, size=7):
    """Attend among pixels that the same token is nearest to, in groups of `size` sorted pixels."""
    qkv, shares = inputs
    n, h, w, c = qkv.shape
    pixels = qkv.reshape(n, h * w, c)
    out = np.zeros((n, h * w, c // 3))
    for image in range(n):
        nearest = shares[image].reshape(h * w, -1).argmax(-1)
        order = sorted(range(h * w), key=lambda pixel, nearest=nearest: nearest[pixel])
        for place, pixel in enumerate(order):
            members = [order[q] if q < h * w else order[2 * h * w - 1 - q] for q in range(place // size * size, place // size * size + size)]
            for head in range(heads):
                depth = c // 3 // heads
                query, key, value = (slice(part * c // 3 + head * depth, part * c // 3 + (head + 1) * depth) for part in range(3))
                logits = pixels[image, members, key] @ pixels[image, pixel, query] * np.exp(min(weights[0].item(), np.log(100)))
                out[image, pixel, query] = softmax(logits) @ pixels[image, members, value]
    return out.reshape(n, h, w, c // 3)


def refined_tokens(inputs, weights):
    """Mix tokens with the pixels that have the largest shares of them."""
    x, shares, tokens = inputs
    gamma, beta, sigma = weights
    shares = shares.reshape(len(x), -1, tokens.shape[1])
    normal = (shares - shares.mean(1, keepdims=True)) / np.sqrt(shares.var(1, keepdims=True) + 1e-5) * gamma + beta
    seen = np.einsum("npm,npc->nmc", softmax(normal, axis=1), x.reshape(len(x), -1, x.shape[-1]))
    kept = 1 / (1 + np.exp(-sigma))
    return kept * tokens + (1 - kept) * seen


#: Layer -> its formula, of its input in tests/support/layer_cases.py and its weights.
def overlapping_windows(x, weights, heads=2, side=4, larger=6):
    """Attend from windows of 4x4 to windows of 6x6 around them, zeros outside the image; biases are numbered as in HAT, from the end too."""
    kernel, offset, projection, shift, table = weights
    n, h, w, c = x.shape
    depth, around = c // heads, (larger - side) // 2
    qkv = x @ kernel + offset
    other = np.pad(qkv, ((0, 0), (around, around + side), (around, around + side), (0, 0)))
    out = np.zeros(x.shape)
    for i, j in np.ndindex(h, w):
        top, left = i // side * side, j // side * side
        around_it = other[:, top : top + larger, left : left + larger].reshape(n, larger**2, 3, heads, depth)
        down, right = (np.arange(larger) - place % side + side - larger + 1 for place in (i, j))
        bias = table[(down[:, None] * (side + larger - 1) + right).ravel()]
        logits = np.einsum("nhd,nshd->nsh", qkv[:, i, j, :c].reshape(n, heads, depth), around_it[:, :, 1]) / np.sqrt(depth) + bias
        out[:, i, j] = np.einsum("nsh,nshd->nhd", softmax(logits, axis=1), around_it[:, :, 2]).reshape(n, c)
    return out @ projection + shift


def permuted_windows(x, weights, heads=2, side=6, shift=3):
    """Attend from pixels to tokens of 2x2 pixels, after rolling; those on two sides of a former edge do not see each other."""
    query, key_value, query_offset, key_value_offset, projection, last, table = weights
    n, h, w, c = x.shape
    rolled = np.roll(x, (-shift, -shift), axis=(1, 2))
    queries = (rolled @ query + query_offset).reshape(n, h, w, heads, c // heads)
    both = (rolled @ key_value + key_value_offset).reshape(n, h // 2, 2, w // 2, 2, 2, c // 4)
    keys, values = (both[..., part, :].transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, heads, c // heads) for part in (0, 1))

    def region(place, size, side, shift):
        return (place >= size - side) + (place >= size - shift)

    out = np.zeros(x.shape)
    for i, j in np.ndindex(h, w):
        top, left = i // side * side // 2, j // side * side // 2
        logits, seen = [], []
        for a, b in np.ndindex(side // 2, side // 2):
            token = top + a, left + b
            bias = table[(i // 2 - token[0] + side // 2 - 1) * (side - 1) + j // 2 - token[1] + side // 2 - 1]
            pixel_regions = region(i, h, side, shift), region(j, w, side, shift)
            token_regions = region(token[0], h // 2, side // 2, (shift + 1) // 2), region(token[1], w // 2, side // 2, (shift + 1) // 2)
            hidden = 0 if pixel_regions == token_regions else -100
            logits.append(np.einsum("nhd,nhd->nh", queries[:, i, j], keys[:, *token]) / np.sqrt(c // heads) + bias + hidden)
            seen.append(values[:, *token])
        out[:, i, j] = np.einsum("snh,snhd->nhd", softmax(np.stack(logits), axis=0), np.stack(seen)).reshape(n, c)
    return np.roll(out @ projection + last, (shift, shift), axis=(1, 2))


def cosine_windows(x, weights, heads=2, side=4, shift=1):
    """Attend inside shifted windows by cosines times a factor; biases come from a network over logarithms of distances."""
    kernel, query_offset, value_offset, factor, hidden_kernel, hidden_bias, bias_kernel, projection, last = weights
    n, h, w, c = x.shape
    qkv = x @ kernel + np.concatenate([query_offset, np.zeros(c), value_offset])
    query, key, value = (part.reshape(n, h, w, heads, c // heads) for part in np.split(qkv, 3, axis=-1))
    query, key = (part / np.linalg.norm(part, axis=-1, keepdims=True) for part in (query, key))
    factor = np.exp(np.minimum(factor[:, 0, 0], np.log(100)))

    def bias(p, q):
        steps = 8 * (np.array(p) - q) / (side - 1)
        steps = np.sign(steps) * np.log2(np.abs(steps) + 1) / 3
        return 16 / (1 + np.exp(-np.maximum(steps @ hidden_kernel + hidden_bias, 0) @ bias_kernel))

    out = np.zeros(x.shape)
    for p in np.ndindex(h, w):
        seen = [q for q in np.ndindex(h, w) if all((p[axis] - shift) // side == (q[axis] - shift) // side for axis in (0, 1))]
        logits = np.stack([(query[:, *p] * key[:, *q]).sum(-1) * factor + bias(p, q) for q in seen])
        out[:, *p] = np.einsum("snh,snhd->nhd", softmax(logits, axis=0), np.stack([value[:, *q] for q in seen])).reshape(n, c)
    return out @ projection + last


FORMULAS = {
    "BlockAttention": in_blocks,
    "BlockChannelAttention": channels_in_blocks,
    "CategoryAttention": among_alike,
    "ChannelSelfAttention": among_channels,
    "CosineWindowAttention": cosine_windows,
    "OverlappingWindowAttention": overlapping_windows,
    "PermutedWindowAttention": permuted_windows,
    "RectangleWindowAttention": rectangle_windows,
    "QkvWindowAttention": shifted_windows,
    "RecursiveGeneralizationAttention": to_representatives,
    "TokenDictionary": lambda x, weights: np.stack([weights[0]] * len(x)),
    "TokenMixture": lambda inputs, weights: np.einsum("nhwm,nmc->nhwc", *inputs),
    "TokenRefinement": refined_tokens,
    "TokenSimilarity": shares_of_tokens,
}
