"""Modeling code that is not in transformers: what running it would execute, and importing it if the user says so."""
