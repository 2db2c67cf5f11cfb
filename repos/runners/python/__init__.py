"""What the runners of Python's test frameworks share."""
