"""What older releases write out where a state is computed, as calls that say what it computes."""
