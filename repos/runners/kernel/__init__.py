"""The runner of kernel checks: builds, boots, reads the console."""
