# The rule changes nothing here.
