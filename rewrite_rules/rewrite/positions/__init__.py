"""Tables looked up by position: rotary, learned, complex."""
