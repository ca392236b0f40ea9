"""An image-text model that puts images among tokens itself, and hands them to a causal LM of the same file.

    image_features = mm_encoder_outputs["image"].last_hidden_state
    vision_flat = image_features.view(-1, image_features.size(-1))
    projected_vision_flat = self.multi_modal_projector(vision_flat).to(inputs_embeds.dtype)
    ...
    outputs = self.language_model(inputs_embeds=inputs_embeds, ...)
    logits = outputs[0]

The logits are the causal LM's, so its head is the head of the whole. What projects features on their way to the tokens
belongs to the vision program.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.head import Head, check_returned
from qeff_codegen.image_text.known_statements import needed, possible, refusal
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

# What the causal LM may be told beside what every text model is; none of it is asked for by a program.
TOLD = {
    "logits_to_keep": "logits_to_keep",
    "output_attentions": "output_attentions",
    "output_hidden_states": "output_hidden_states",
    "return_dict": "return_dict",
}
AFTER_TEXT = (
    needed("logits", "$logits = $outputs[0]"),
    possible("no loss", "loss = None"),
    possible("loss", "if labels is not None:\n    loss = $_"),
    possible("a tuple", "if not return_dict:\n    ..."),
    needed("result", "return $_(...)"),
)
_ONE_BELOW_ANOTHER = Pattern("$rows = $features.view(-1, $features.size(-1))")
_PROJECTED = Pattern("$projected = {$projector($rows).to(...), $projector($rows)}")


def causal_lm_called(file: ModelingFile, whole: ModelingClass) -> tuple[str, ModelingClass] | None:
    """The attribute by which a class calls the causal LM that upstream names, and that; None if it calls none."""
    name = file.upstream.causal_lm
    for call in find(ast.Call, whole.forward):
        attribute = self_attribute(call.func) or ""
        if name is not None and whole.built.get(attribute) == (name,):
            return attribute, file.classes[name]
    return None


def model_called(file: ModelingFile, causal_lm: ModelingClass) -> tuple[str, ModelingClass]:
    """The attribute by which a causal LM calls its text model, and the class of that.

    Raises:
        Refusal: it calls none, or several.
    """
    called = {
        (attribute, name)
        for call in find(ast.Call, causal_lm.forward)
        if (attribute := self_attribute(call.func)) is not None
        for name in causal_lm.built.get(attribute, ())
        if file.classes[name].forward is not None
    }
    if len(called) != 1:
        raise refusal(
            file,
            f"`{causal_lm.name}` calls {len(called)} models of this file",
            (causal_lm.forward or causal_lm.node).lineno,
            "one `self.<model>(...)`, which gives hidden states",
        )
    ((attribute, name),) = called
    return attribute, file.classes[name]


def check_unscaled(file: ModelingFile, causal_lm: ModelingClass, head: Head) -> None:
    """Raises a refusal where settings scale the logits of a causal LM.

    `self.config` is the text model's configuration there, and that of the whole in the language program.
    """
    if head.scaling:
        assert causal_lm.forward is not None
        shown = ast.unparse(head.scaling[0]).split("\n")[0]
        raise refusal(
            file,
            f"`{causal_lm.name}.forward` scales logits by its own configuration, not that of the whole: `{shown}`",
            causal_lm.forward.lineno,
            f"`logits = self.{head.attribute}(hidden_states)`, neither scaled nor capped",
        )


def check_logits(file: ModelingFile, whole: ModelingClass, found: dict[str, Match]) -> None:
    """Raises a refusal where the logits and the cache that are returned are not the causal LM's."""
    outputs, logits = found["call of the text model"].name("outputs"), found["logits"].spelled("logits")
    check_returned(file, whole, found["result"], outputs, logits)


def without_projection(
    model: ModelingClass, placing: Sequence[ast.stmt], field: str
) -> tuple[list[ast.stmt], str | None]:
    """What places features, as if they were not projected before, and the module of the model that projects them.

    Args:
        model: the class that places them.
        placing: the statements.
        field: what of the encoder's output is placed.
    """
    features = {spelled(item.targets[0]) for item in placing if isinstance(item, ast.Assign) and _takes(item, field)}
    for index in range(len(placing) - 1):
        rows = match(_ONE_BELOW_ANOTHER, placing[index])
        projected = match(_PROJECTED, placing[index + 1], known={} if rows is None else {"rows": rows["rows"]})
        if rows is None or projected is None or rows.spelled("features") not in features:
            continue
        projector = self_attribute(projected["projector"])
        if projector is not None and projector in model.assigned:
            named = ast.parse(f"{projected.spelled('projected')} = {rows.spelled('features')}").body
            ast.copy_location(named[0], placing[index])
            return [*placing[:index], *named, *placing[index + 2 :]], projector
    return list(placing), None


def _takes(statement: ast.Assign, field: str) -> bool:
    """`<features> = <outputs>["image"].<field>`."""
    return isinstance(statement.value, ast.Attribute) and statement.value.attr == field
