"""Docker, and Podman by its Docker-compatible socket."""
