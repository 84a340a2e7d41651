"""Reports as HTML pages of one file each: they need no network, are read in light and dark, on a screen and on a phone."""
