class TinyModel:
    def __qeff_init__(self):
        # Every head has keys and values of its own; the export asks the configuration how many there are.
        self.config.num_key_value_heads = self.config.num_attention_heads
