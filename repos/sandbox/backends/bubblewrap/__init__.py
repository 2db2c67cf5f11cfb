"""The default back end: namespaces and overlays, with or without root."""
