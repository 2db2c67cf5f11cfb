"""Making manifests of new tasks; no run imports this."""
