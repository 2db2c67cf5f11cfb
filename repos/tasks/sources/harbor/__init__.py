"""Task folders of Harbor as a source: what they ask for, as far as it can be had without Docker."""
