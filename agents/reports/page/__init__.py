"""The page: its template, its program and what builds it."""
