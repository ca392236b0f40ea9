"""What another transformers release does to the checked-in models, and how it is taken over: all of it or nothing."""
