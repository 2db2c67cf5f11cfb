"""The unittest runner."""
