"""SWE-bench and files in its schema: instances, recipes of their environments, repositories."""
