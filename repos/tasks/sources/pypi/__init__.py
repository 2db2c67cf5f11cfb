"""Tasks from two consecutive releases of a package on a package index."""
