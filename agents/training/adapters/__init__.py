"""Adapters to trainers and other frameworks, one file each; each needs its extra."""
