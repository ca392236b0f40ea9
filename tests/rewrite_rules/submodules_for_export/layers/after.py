class TinyForCausalLM:
    def get_submodules_for_export(self) -> set[type[nn.Module]]:
        """Classes of the repeated layers; each becomes one ONNX function."""
        return {QEffTinyDecoderLayer}
