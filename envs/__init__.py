"""Gymnasium environments: episodes, spaces, rewards, registration."""
