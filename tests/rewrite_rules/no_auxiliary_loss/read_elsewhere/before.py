class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    def __init__(self, config):
        self.model = TinyModel(config)

    def forward(self, input_ids, past_key_values=None, output_router_logits=None, **kwargs):
        outputs = self.model(input_ids, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(outputs.last_hidden_state)
        aux_loss = None
        if output_router_logits:
            aux_loss = load_balancing_loss_func(outputs.router_logits, self.num_experts)
            logits = logits - aux_loss
        return MoeCausalLMOutputWithPast(aux_loss=aux_loss, logits=logits, past_key_values=outputs.past_key_values)
