"""The preallocated KV cache: taken as pairs, written by position."""
