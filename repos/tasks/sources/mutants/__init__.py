"""Tasks from one release of a package with one synthetic bug."""
