"""Patterns: code with placeholders, that says what a rule looks for and what becomes of it.

A pattern is Python. `$key` stands for any expression, and for the same one wherever it stands again; `$_` for any
expression, each time another; `...` for further arguments, elements or statements, `$...rest` for those and a name for
them. Statements that a bare `...` stands for bind none of the names that placeholders before it stand for; who names
them looks at them. `{a, b}` is one of several spellings. Statements below `if ...:` may be missing, or those of its
`else` stand in their place. A placeholder in capitals, `$SEEN`, is one of the named patterns of a vocabulary.

Equal by definition are: layout, comments, parentheses, quotes; the order of keywords; `x: T = v` and `x = v`;
`x += v` and `x = x + v` for plain names; what a file's imports call the same module (`F.silu`,
`nn.functional.silu`).
"""
