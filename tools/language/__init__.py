"""Language servers in the sandbox: a small client, the servers, and what an episode keeps."""
