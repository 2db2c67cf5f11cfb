"""Running many episodes: the journal, one episode, a batch of them, and the reports."""
