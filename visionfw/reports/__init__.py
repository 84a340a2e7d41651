"""Reports: tables of rows, images side by side, plots, and HTML pages."""
