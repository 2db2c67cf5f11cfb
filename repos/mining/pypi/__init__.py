"""Tasks from consecutive releases on a package index."""
