"""Where tasks come from: each source builds a task's files from a few facts."""
