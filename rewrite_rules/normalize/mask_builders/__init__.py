"""One way to make the causal mask: upstream's builder, whatever a file made it with."""
