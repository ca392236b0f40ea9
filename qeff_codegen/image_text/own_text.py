"""A text model that stands in the image-text model's own file, as a causal LM that the rules read.

The rules rewrite what a causal LM calls, from tokens to logits. Such a file has no class that is one: between its head
and its text model stands the model that places images. So the file is read once more with a class below it, which
calls the text model as that model does, and puts the head on it. What the rules make of the text model is that of a
causal LM, with every promise kept; the class itself is not written, since the decoder takes its place.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from qeff_codegen.anatomy.deep_features import DEEP
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, read_modeling_file
from qeff_codegen.anatomy.position_kinds import SECTIONS, text_positions
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.parts import ImageTextParts

_SUFFIX = "WithHead"
_EMBEDDING = "nn.Embedding"
_CAUSAL_LM = """

class {name}({bases}):
    def __init__(self, config):
        super().__init__(config)
        self.model = {text}(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,{sections_taken}{deep_taken}
        {cache}: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs,
    ):
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,{sections_given}{deep_given}
            {cache}={cache},
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        hidden_states = outputs.last_hidden_state
        hidden_states = slice_logits_to_keep(hidden_states, logits_to_keep)
        logits = self.lm_head(hidden_states)
        return {output}(logits=logits, {cache}=outputs.{cache})
"""


def own_text_class(file: ModelingFile, built: ast.expr) -> ModelingClass | None:
    """The class of this file that a text model is, built as `<Class>._from_config(...)` or by the Auto classes.

    Those build what has the configuration that the file's own text model says it has. A text model that a causal LM of
    this file is built around too is none: that is a family by itself, whose package serves it (Aria).
    """
    assert isinstance(built, ast.Call)
    function = built.func
    maker = function.value if isinstance(function, ast.Attribute) else function
    if spelled(maker) in file.classes:
        return file.classes[spelled(maker)]
    said = _text_configuration(file)
    models = [
        cls for cls in file.classes.values() if said is not None and _configuration(cls) == said and _embeds(file, cls)
    ]
    return models[0] if len(models) == 1 and not _is_built_in(file, models[0]) else None


def has_sections(text: ModelingClass) -> bool:
    """Whether a text model takes positions of several kinds."""
    return text.forward is not None and text_positions(text.forward) is not None


def with_causal_lm(file: ModelingFile, parts: ImageTextParts) -> ModelingFile:
    """The file with a causal LM of its text model below it, which `ModelingFile.upstream` names."""
    text = parts.text_class
    assert text is not None
    whole = parts.conditional_generation
    returned = [item.value for item in find(ast.Return, whole.forward) if isinstance(item.value, ast.Call)]
    sections = has_sections(text)
    name = causal_lm_name(parts)
    source = _CAUSAL_LM.format(
        name=name,
        bases=", ".join(whole.bases),
        text=text.name,
        cache=parts.head.cache_field,
        output=spelled(returned[-1].func),
        sections_taken=f"\n        {SECTIONS}: torch.LongTensor | None = None," if sections else "",
        deep_taken=f"\n        {DEEP}: torch.Tensor | None = None," if parts.deep else "",
        deep_given=f"\n            {parts.deep.embeds}={DEEP}," if parts.deep else "",
        sections_given=f"\n            {SECTIONS}={SECTIONS}," if sections else "",
    )
    upstream = replace(file.upstream, source=file.upstream.source + source, causal_lm=name, image_text=None)
    return read_modeling_file(upstream)


def causal_lm_name(parts: ImageTextParts) -> str:
    """What the class is called."""
    assert parts.text_class is not None
    return parts.text_class.name + _SUFFIX


def _text_configuration(file: ModelingFile) -> str | None:
    """The configuration class that the text model of this file has, whose model type the Auto classes know.

    A configuration of the whole names the model types, or classes, of its parts.
    """
    tree = ast.parse(file.upstream.configuration[1])
    types = {
        cls.name: item.value.value
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for item in cls.body
        if isinstance(item, ast.Assign) and spelled(item.targets[0]) == "model_type"
        if isinstance(item.value, ast.Constant)
    }
    for node in find(ast.Dict, tree):
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or key.value != "text_config":
                continue
            named = [item.id for item in find(ast.Name, value) if item.id in types]
            by_type = [cls for item in find(ast.Constant, value) for cls, own in types.items() if own == item.value]
            found = (*named, *by_type)
            if found:
                return found[0]
    return None


def _configuration(cls: ModelingClass) -> str | None:
    """The class that `config: <class>` says."""
    for item in cls.node.body:
        if isinstance(item, ast.AnnAssign) and spelled(item.target) == "config":
            return spelled(item.annotation)
    made = cls.methods.get("__init__")
    for argument in made.args.args if made is not None else ():
        if argument.arg == "config" and argument.annotation is not None:
            return spelled(argument.annotation)
    return None


def _is_built_in(file: ModelingFile, text: ModelingClass) -> bool:
    """Whether a class of this file builds a text model by its name."""
    return any(text.name in names for cls in file.classes.values() for names in cls.built.values())


def _embeds(file: ModelingFile, cls: ModelingClass) -> bool:
    """Whether a class has an embedding, which may be of a class of this file that is one."""
    made = [value for values in cls.assigned.values() for value in values if isinstance(value, ast.Call)]
    own = {name for name, other in file.classes.items() if _EMBEDDING in other.bases}
    return any(spelled(value.func) in {_EMBEDDING, *own} for value in made)
