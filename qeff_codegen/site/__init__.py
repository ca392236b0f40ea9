"""One site of all families: what is supported and refused, by stage, release and reason, as static pages."""
