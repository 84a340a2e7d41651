"""Everything that depends on the Keras backend in use or on the machine. The only package that asks `keras.backend.backend()`."""


def backend_name() -> str:
    """Return the name of the Keras backend in use: 'tensorflow', 'jax' or 'torch'. Outside this package for records and messages only."""
    import keras

    return keras.backend.backend()
