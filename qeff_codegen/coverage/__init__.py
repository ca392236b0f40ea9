"""What the last sweep found out about every family: the results, and the page and file they stand in."""
