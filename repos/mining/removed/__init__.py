"""Makes tasks by removing code that a package's own tests cover."""
