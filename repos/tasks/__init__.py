"""Tasks: records, suites, and the sources that build their files."""
