"""Image quality measures: `arrays` in NumPy, the reference; `tensors` on keras.ops, for the training step."""
