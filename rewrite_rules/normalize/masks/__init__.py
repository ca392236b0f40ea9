"""Masks made by a builder from the model's inputs, and handed down as they are."""
