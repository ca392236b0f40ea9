"""Models that come with the generator, so that it can be tried without choosing one."""
