"""One page of a program: what goes in and out, what each layer and each specialization takes, and what was found."""
