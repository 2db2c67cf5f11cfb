"""The runner for Django's own tests."""
