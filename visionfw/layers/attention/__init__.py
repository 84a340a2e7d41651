"""Self-attention over the pixels of an image: among all of them, or inside windows of several kinds."""
