"""Tasks from one release of a package of which a part of the code is removed."""
