"""The axes that are followed through a module."""
