"""What is checked in: where each file stands, its record in the manifest, and loading it."""
