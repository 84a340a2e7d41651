"""Models of other programs: which architecture a file of weights is, and our weights under the names of its reference implementation."""
