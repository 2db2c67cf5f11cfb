"""The runner for SymPy's own tests."""
