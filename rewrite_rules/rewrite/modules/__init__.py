"""Modules that the mapping replaces or the export asks for."""
