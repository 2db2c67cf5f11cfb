"""Tasks from one release of a package in which one change is taken back."""
