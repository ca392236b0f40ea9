"""What stands between the model and the logits: a head, whose logits may be scaled."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.known_statements import needed, possible, read_statements, refusal
from qeff_codegen.image_text.older_forms import with_sliced_logits
from qeff_codegen.image_text.scaled_logits import without_scaling
from qeff_codegen.patterns.match import Match

_KEPT = """
if $hidden.shape[1] == (input_ids if input_ids is not None else inputs_embeds).shape[1]:
    $hidden = slice_logits_to_keep($hidden, logits_to_keep)
"""


@dataclass(frozen=True)
class Head:
    """The head of an image-text model.

    Attributes:
        attribute: what the class with the head calls it.
        cache_field: what the output of the model calls the cache.
        scaling: the statements that scale or cap its `logits`.
    """

    attribute: str
    cache_field: str
    scaling: tuple[ast.stmt, ...] = ()


def head_around(file: ModelingFile, whole: ModelingClass, model_attribute: str) -> Head:
    """The head that `whole` puts on the model that it calls as `self.<model_attribute>`.

    Raises:
        Refusal: it does more to hidden states or logits than a head does.
    """
    assert whole.forward is not None
    heads = [
        name
        for call in find(ast.Call, whole.forward)
        if (name := self_attribute(call.func)) is not None and name in whole.made_by("Linear")
    ]
    if len(heads) != 1:
        raise refusal(
            file,
            f"`{whole.name}` calls {len(heads)} heads",
            whole.forward.lineno,
            "one `self.<head>(hidden_states)` with an nn.Linear",
        )
    head = heads[0]
    statements, scaling = without_scaling(with_sliced_logits(whole.forward.body), head)
    found = read_statements(
        file,
        f"{whole.name}.forward",
        statements,
        (
            needed("call of the model", f"$outputs = self.{model_attribute}(...)"),
            needed("hidden states", "$hidden = {$outputs[0], $outputs.last_hidden_state}"),
            possible("kept tokens", "$hidden = slice_logits_to_keep($hidden, logits_to_keep)"),
            possible("kept tokens, unless the text model kept them", _KEPT),
            needed("logits", f"$logits = self.{head}($hidden)"),
            possible("no loss", "loss = None"),
            possible("loss", "if labels is not None:\n    loss = $_"),
            possible("no loss of routers", "aux_loss = None"),
            possible("loss of routers", "if output_router_logits:\n    $...losses"),
            needed("result", "return $_(...)"),
        ),
    )
    outputs, logits = found["call of the model"].name("outputs"), found["logits"].spelled("logits")
    return Head(head, check_returned(file, whole, found["result"], outputs, logits), scaling)


def check_returned(file: ModelingFile, whole: ModelingClass, result: Match, outputs: str, logits: str) -> str:
    """What the cache is called in the output of what `whole` calls.

    Args:
        file: the file.
        whole: the class.
        result: what it returns.
        outputs: what it calls that output.
        logits: what it calls its logits.

    Raises:
        Refusal: it does not return both as they are.
    """
    returned = result.node
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)
    given = {item.arg: spelled(item.value) for item in returned.value.keywords}
    cache = next((name for name in ("cache", "past_key_values") if given.get(name) == f"{outputs}.{name}"), None)
    if cache is None or given.get("logits") != logits:
        raise refusal(
            file,
            f"`{whole.name}.forward` does not return its logits and the cache as they are",
            returned.lineno,
            f"`logits=logits, cache={outputs}.cache`",
        )
    return cache
