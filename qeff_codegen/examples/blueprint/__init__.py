"""Blueprint, the onboarding guide's example: a runnable decoder in the idiom of transformers.

Importing this package imports neither torch nor transformers; the two modules beside it do.
"""

from __future__ import annotations


def register() -> None:
    """Make Blueprint known to AutoConfig, AutoModel and AutoModelForCausalLM; calling it again changes nothing."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    from qeff_codegen.examples.blueprint.configuration_blueprint import BlueprintConfig
    from qeff_codegen.examples.blueprint.modeling_blueprint import BlueprintForCausalLM, BlueprintModel

    AutoConfig.register(BlueprintConfig.model_type, BlueprintConfig, exist_ok=True)
    AutoModel.register(BlueprintConfig, BlueprintModel, exist_ok=True)
    AutoModelForCausalLM.register(BlueprintConfig, BlueprintForCausalLM, exist_ok=True)
