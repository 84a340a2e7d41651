"""Blocks of the literature that several architectures share, as functions that return a block's dictionary.

A new block is a function in one of these modules and one entry in `BLOCKS` (visionfw/graph/language/blocks.py). Dictionaries name it like a
layer, and the parameters of the link are the arguments of the function. No Keras here.
"""
