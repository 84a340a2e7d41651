"""EDSR-baseline and SRResNet, x4, as one writes them by hand in Keras and in PyTorch: what the benchmarks compare with."""

from __future__ import annotations

FEATURES, BLOCKS = 64, 16


def keras_network(name: str):
    """Return a Keras model, written with Keras' own layers."""
    import keras
    from keras import layers, ops

    class Shuffle(keras.layers.Layer):
        def call(self, x):
            batch, height, width, channels = ops.shape(x)
            x = ops.reshape(x, (batch, height, width, channels // 4, 2, 2))
            return ops.reshape(ops.transpose(x, (0, 1, 4, 2, 5, 3)), (batch, 2 * height, 2 * width, channels // 4))

    def conv(x, filters=FEATURES, size=3):
        return layers.Conv2D(filters, size, padding="same")(x)

    lr = keras.Input((None, None, 3))
    if name == "edsr":
        x = head = conv(lr)
        for _ in range(BLOCKS):
            x = x + conv(ops.relu(conv(x)))
        x = head + conv(x)
        for _ in range(2):
            x = Shuffle()(conv(x, 4 * FEATURES))
        return keras.Model(lr, conv(x, 3))
    x = head = layers.PReLU(shared_axes=[1, 2])(conv(lr, size=9))
    for _ in range(BLOCKS):
        y = layers.PReLU(shared_axes=[1, 2])(layers.BatchNormalization()(conv(x)))
        x = x + layers.BatchNormalization()(conv(y))
    x = head + layers.BatchNormalization()(conv(x))
    for _ in range(2):
        x = layers.PReLU(shared_axes=[1, 2])(Shuffle()(conv(x, 4 * FEATURES)))
    return keras.Model(lr, conv(x, 3, 9))


def torch_network(name: str):
    """Return a PyTorch module, written with PyTorch's own layers."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.body = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.body(x)

    def conv(into=FEATURES, out=FEATURES, size=3):
        return nn.Conv2d(into, out, size, padding=size // 2)

    if name == "edsr":
        blocks = [Residual(conv(), nn.ReLU(inplace=True), conv()) for _ in range(BLOCKS)]
        enlarging = [layer for _ in range(2) for layer in (conv(out=4 * FEATURES), nn.PixelShuffle(2))]
        return nn.Sequential(conv(3), Residual(*blocks, conv()), *enlarging, conv(out=3))
    blocks = [Residual(conv(), nn.BatchNorm2d(FEATURES), nn.PReLU(FEATURES), conv(), nn.BatchNorm2d(FEATURES)) for _ in range(BLOCKS)]
    enlarging = [layer for _ in range(2) for layer in (conv(out=4 * FEATURES), nn.PixelShuffle(2), nn.PReLU(FEATURES))]
    return nn.Sequential(conv(3, size=9), nn.PReLU(FEATURES), Residual(*blocks, conv(), nn.BatchNorm2d(FEATURES)), *enlarging, conv(out=3, size=9))
