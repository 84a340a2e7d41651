"""Weights from elsewhere: files of other programs, read without running code, and assigned by order or by names."""
