"""What puts a generated file together beside the rules: every step by name, with its reason.

A reviewer asks of every line that differs why it does. Where no rule made it, one of these steps did.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing that emission does with lines of upstream's file or of its own.

    Attributes:
        id: stands for it in an `Edit`, where a rule's id stands otherwise; no rule's id has a dot in it.
        why: the reason, for reviewers.
    """

    id: str
    why: str


HEADER = Step("emit.header", "The licence text is upstream's; two lines say what the file is made from.")
IMPORTS = Step("emit.imports", "What the generated code uses is imported, and nothing else.")
CLASS_REPLACED = Step(
    "emit.class_replaced",
    "The class takes the place of upstream's in a loaded model, by the mapping, and inherits all else from it.",
)
INHERITED = Step("emit.inherited", "No rule changes it, so the class inherits it and it is not written again.")
CLASS_MAPPED = Step("emit.class_mapped", "The mapping puts a class of the runtime in the place of upstream's.")
OTHER_IMPLEMENTATION = Step(
    "emit.other_implementation", "The mapping puts the generated eager class in the place of this implementation too."
)
CLASS_IMPORTED = Step("emit.class_imported", "No rule changes the class, and generated code names it: it is imported.")
CLASS_STAYS = Step("emit.class_stays", "No rule changes the class: a loaded model keeps upstream's.")
CLASS_NOT_BUILT = Step("emit.class_not_built", "The causal LM builds no module of this class, so none is replaced.")
FUNCTION_IMPORTED = Step("emit.function_imported", "No rule changes the function: it is imported from upstream.")
FUNCTION_NOT_CALLED = Step("emit.function_not_called", "Generated code does not call the function.")
UNDECORATED = Step(
    "emit.undecorated",
    "The decorator puts a faster program in the function's place; the graph has the function itself.",
)
MODULE_STATEMENT = Step(
    "emit.module_statement", "It runs in upstream's own module; what generated code needs of it is imported."
)
LAYOUT = Step(
    "emit.layout", "Upstream's file is laid out in another way: here a statement has a line, and a block four blanks."
)
BLANK_LINES = Step("emit.blank_lines", "Definitions are set apart by black's number of blank lines.")
NO_REMINDERS = Step(
    "emit.no_reminders", "Upstream's reminders of its own work are not for the place that the file goes to."
)
IMAGE_PROGRAMS = Step(
    "emit.image_programs",
    "An image-text model is two programs: one makes the features of images, the other puts them among tokens.",
)
IMAGES_OF_ONE_SIZE = Step(
    "emit.images_of_one_size", "The vision program takes images of one size, whose number is an axis of one tensor."
)
CALLED_BY_PROGRAMS = Step(
    "emit.called_by_programs", "A loaded model keeps upstream's classes, whose parts the two programs call."
)
FORMATTER = Step("black", "black lays the code out anew where a change made a line longer or shorter.")

STEPS = {
    step.id: step
    for step in (
        HEADER,
        IMPORTS,
        CLASS_REPLACED,
        INHERITED,
        CLASS_MAPPED,
        OTHER_IMPLEMENTATION,
        CLASS_IMPORTED,
        CLASS_STAYS,
        CLASS_NOT_BUILT,
        FUNCTION_IMPORTED,
        FUNCTION_NOT_CALLED,
        UNDECORATED,
        MODULE_STATEMENT,
        LAYOUT,
        BLANK_LINES,
        NO_REMINDERS,
        IMAGE_PROGRAMS,
        IMAGES_OF_ONE_SIZE,
        CALLED_BY_PROGRAMS,
        FORMATTER,
    )
}
