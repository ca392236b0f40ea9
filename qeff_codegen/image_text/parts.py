"""The parts of an image-text model whose images take the places of tokens."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.deep_features import DeepFeatures
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.code import Code
from qeff_codegen.generated_model import IMAGE_TEXT, RoleFound
from qeff_codegen.image_text.both_ways import BothWays
from qeff_codegen.image_text.head import Head
from qeff_codegen.image_text.masks_first import LayerInputs
from qeff_codegen.image_text.sections import Sections
from qeff_codegen.image_text.side_inputs import SideInputs


@dataclass(frozen=True)
class ImageTextParts:
    """Who is who in an image-text model.

    Attributes:
        file: upstream's file.
        conditional_generation: the class with the head, which a checkpoint is loaded as.
        model: the class that puts images among tokens and calls the text model.
        model_attribute: what the first calls the second; empty where they are one.
        head: the head of the first, or of the causal LM that it calls.
        text_attribute: what the model calls its text model, whose class is another file's, or that causal LM.
        inner_attribute: what the causal LM calls its text model; empty where there is none.
        text_built: how that is built.
        text_class: its class, where that is of this file; it is written with the programs then.
        sections: how a token of an image gets its positions; None where each token has one.
        deep: how the text model takes features of images for its layers; None where it takes none.
        deep_layers: the setting of the vision tower that lists the layers of it which give them.
        features: the model's method from pixels to what takes the places of tokens.
        features_code: it as it is to be, and whether that is another text than upstream's.
        features_field: what of its output takes the places of tokens.
        features_rows: whether that may have the rows and columns of an image, where tokens follow one another.
        inputs: what it is given beside pixels by a program of one image; None where images are one tensor.
        tower_attribute: the module that takes the pixels.
        projector_attributes: the other modules that it calls.
        placing_projector: the module that projects what it gives where that is placed; None where none does.
        token: the expression of the token whose places are taken, such as `self.config.image_token_id`.
        token_node: where that stands.
        embedded: what makes `token_ids`, which are embedded; empty where the given tokens are.
        layer_inputs: what is made of tokens for the layers of the text model; None where nothing is.
        both_ways: which tokens attend to one another both ways; None where none do.
        from_one: whether positions are counted from 1.
    """

    file: ModelingFile
    conditional_generation: ModelingClass
    model: ModelingClass
    model_attribute: str
    head: Head
    text_attribute: str
    inner_attribute: str
    text_built: ast.expr
    text_class: ModelingClass | None
    sections: Sections | None
    deep: DeepFeatures | None
    deep_layers: str
    features: ast.FunctionDef
    features_code: Code
    features_changed: bool
    features_field: str
    features_rows: bool
    inputs: SideInputs | None
    tower_attribute: str
    projector_attributes: tuple[str, ...]
    placing_projector: str | None
    token: str
    token_node: ast.expr
    embedded: str
    layer_inputs: LayerInputs | None
    both_ways: BothWays | None
    from_one: bool

    @property
    def model_path(self) -> str:
        """Where the model that places images stands in a variable `model` that holds the whole."""
        return ".".join(filter(None, ("model", self.model_attribute)))

    @property
    def text_path(self) -> str:
        """Where the text model stands there."""
        return ".".join(filter(None, (self.model_path, self.text_attribute, self.inner_attribute)))

    @property
    def head_path(self) -> str:
        """Where the head stands there."""
        return ".".join(("model", *([self.text_attribute] if self.inner_attribute else []), self.head.attribute))

    def found(self) -> tuple[RoleFound, ...]:
        """Every part with its place and reasons, as `inspect` shows them."""
        model, own = self.model, self.model.assigned
        is_here = self.text_class is not None or self.inner_attribute
        served = "it stands in the same file" if is_here else "its own generated package serves it"
        calls = f"`{self.conditional_generation.name}` calls it as `self.{self.model_attribute}`"
        whose = "its head is" if not self.inner_attribute else "the head of the causal LM that it calls is"
        rows = [
            RoleFound(
                IMAGE_TEXT,
                self.conditional_generation.name,
                self.conditional_generation.node.lineno,
                (f"upstream's table of image-text models names it; {whose} `self.{self.head.attribute}`",),
            ),
            *([RoleFound("model", model.name, model.node.lineno, (calls,))] if self.model_attribute else []),
            RoleFound(
                "text model",
                f"self.{self.text_attribute}",
                self.text_built.lineno,
                (f"`{ast.unparse(self.text_built)}`: {served}",),
            ),
            *(
                [
                    RoleFound(
                        "positions of images",
                        f"{model.name}.{self.sections.method.name}",
                        self.sections.method.lineno,
                        (f"it gives tokens {self.sections.kinds} positions each, by the sizes of images",),
                    )
                ]
                if self.sections is not None
                else []
            ),
            RoleFound(
                "image features",
                f"{model.name}.{self.features.name}",
                self.features.lineno,
                (f"what it gives as `{self.features_field}` is placed by `masked_scatter`",),
            ),
            RoleFound(
                "vision tower",
                f"self.{self.tower_attribute}",
                own[self.tower_attribute][0].lineno,
                (f"`{self.features.name}` hands it the pixels",),
            ),
            *(
                RoleFound(
                    "projector", f"self.{name}", own[name][0].lineno, (f"`{self.features.name}` calls it as well",)
                )
                for name in self.projector_attributes
            ),
            *(
                [
                    RoleFound(
                        "projector",
                        f"self.{self.placing_projector}",
                        own[self.placing_projector][0].lineno,
                        ("it is called where features are placed",),
                    )
                ]
                if self.placing_projector
                else []
            ),
            RoleFound(
                "image token", self.token, self.token_node.lineno, ("image features take the places of this token",)
            ),
        ]
        return tuple(sorted(rows, key=lambda row: row.line))
