"""Where processes of a task run: one protocol, several back ends."""
