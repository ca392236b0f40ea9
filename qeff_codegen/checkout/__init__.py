"""What is done in a checkout of QEfficient: writing a family into it, and running it there."""
