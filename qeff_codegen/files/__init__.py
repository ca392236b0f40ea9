"""Writing and keeping: files that appear whole or not at all, and results found again by what they hold for."""
