"""Files and the terminal: user paths, atomic writes, JSON, file locks, progress. Knows nothing of images or models."""
