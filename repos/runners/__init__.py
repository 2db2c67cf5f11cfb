"""How a project's tests are run and read; nothing else in the house knows a test framework."""
