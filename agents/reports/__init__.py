"""Reports on runs: pages for a browser, tables and plots for papers, views for a terminal."""
