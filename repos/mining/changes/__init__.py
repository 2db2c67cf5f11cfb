"""Tasks from single changes of a release: which they are, and whether they are fairly told."""
