"""Images as arrays: files, color, resizing. No Keras, no TensorFlow."""
