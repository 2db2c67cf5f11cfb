"""Training: data from runs, and adapters to trainers."""
