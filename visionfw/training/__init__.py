"""Training: checks before it, its setup, the Keras `fit`, and its callbacks."""
