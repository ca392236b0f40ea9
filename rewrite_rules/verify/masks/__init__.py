"""The mask is handed down unchanged."""
