"""Image sets made from others or downloaded: tiles, degraded pairs, and the field's standard sets."""
