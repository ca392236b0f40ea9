"""Whether a generated folder is what regenerating would give; hashes first, the generator only where they differ."""
