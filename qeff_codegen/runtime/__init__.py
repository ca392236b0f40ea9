"""What generated code imports. Its module paths stand in generated files, so they stay."""
