"""The only place that defines a benchmark number: the protocol for one image, and the benchmark over sets."""
