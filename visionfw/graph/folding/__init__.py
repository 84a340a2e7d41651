"""Folding for inference: what training needs and one convolution can compute becomes one convolution."""
