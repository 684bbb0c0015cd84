"""Pages to look at and pass on: each one HTML file, light and dark, that loads nothing from elsewhere."""
