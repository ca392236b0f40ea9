"""Breaks as a package does whose libraries are missing."""

raise OSError("libplum.so: cannot open shared object file")
