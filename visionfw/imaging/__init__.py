"""Images as arrays: files, colour, resizing. No Keras, no TensorFlow."""
