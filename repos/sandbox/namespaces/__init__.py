"""What starts a namespace sandbox in milliseconds; docs/sandbox-start.md tells how."""
