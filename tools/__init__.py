"""What an agent may do in a workspace: each tool one typed function with a schema."""
