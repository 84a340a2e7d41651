"""Reports as HTML pages of a single file: they need no network, and have a light, a dark and a narrow layout."""
