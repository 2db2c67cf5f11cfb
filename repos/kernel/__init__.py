"""Linux kernels: their source, builds, boots, and what their consoles say of a crash."""
