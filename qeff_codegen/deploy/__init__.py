"""From a model's name to a program for Cloud AI 100: export, the compiler's input files, its command, and text."""
