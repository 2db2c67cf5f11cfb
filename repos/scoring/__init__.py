"""The one scorer: a diff in, a verdict for every expected test out."""
