"""Images as arrays: files of any mode, color, resizing, degradations. No Keras, no TensorFlow."""
