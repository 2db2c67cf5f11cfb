"""What a task's tests need of the machine: interpreters, layers of packages, programs."""
