"""The rules, one idea a file.

`normalize` brings every transformers dialect to one, `rewrite` gives it QEff's semantics, `verify` holds the result
against its promises. Files are found by looking into these folders; rules of one folder know nothing of each other
and give the same module in any order.
"""
