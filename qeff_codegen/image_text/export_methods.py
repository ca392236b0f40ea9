"""What a checkout's runtime asks a whole image-text model for: inputs, outputs, axes and sizes of its programs.

With `kv_offload` there are two programs, and what is asked for comes for each by its name; without there is one, which
runs the vision tower in every call.
"""

from __future__ import annotations

METHODS = '''\
class {prefix}{whole}({whole}):
    def get_qeff_vision_encoder(self) -> nn.Module:
        """The module that the vision program is exported from."""
        return {encoder}(self)

    def get_qeff_language_decoder(self) -> nn.Module:
        """The module that the language program is exported from."""
        return {decoder}(self)

    def get_qeff_image_size(self) -> tuple[int, int]:
        """Height and width of the images that are taken, in pixels."""
        size = self.config.vision_config.image_size
        return (size, size) if isinstance(size, int) else (size[0], size[1])

    def get_qeff_image_tokens(self) -> int:
        """How many tokens an image takes, counted by running the vision program on one, while it has its weights."""
        if not hasattr(self, "_qeff_image_tokens"):
            dtype = next(self.{model}.{tower}.parameters()).dtype
            with torch.no_grad():
                embeds = self.get_qeff_vision_encoder()(torch.zeros(self.get_qeff_pixel_shape(), dtype=dtype))
            self._qeff_image_tokens = embeds.shape[1]
        return self._qeff_image_tokens

    def get_qeff_pixel_shape(self) -> tuple[int, ...]:
        """The shape of the pixels of one image."""
        return (1, getattr(self.config.vision_config, "num_channels", 3), *self.get_qeff_image_size())

    def forward(
        self,
        input_ids: torch.LongTensor,
        position_ids: torch.LongTensor,
        pixel_values: torch.Tensor,
        image_idx: torch.LongTensor,
        past_key_values: list[tuple[torch.Tensor, torch.Tensor]],
        comp_ctx_lengths: torch.LongTensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """Both programs in one, which is exported without `kv_offload`."""
        vision_embeds = self.get_qeff_vision_encoder()(pixel_values)
        logits, _, image_idx, past_key_values = self.get_qeff_language_decoder()(
            input_ids, vision_embeds, position_ids, image_idx, past_key_values, comp_ctx_lengths
        )
        return logits, pixel_values, image_idx, past_key_values

    def get_dummy_inputs(
        self,
        comp_ctx_lengths: list[int] | None = None,
        kv_offload: bool = False,
        continuous_batching: bool = False,
        **kwargs,
    ) -> dict:
        """Inputs that the programs are traced with."""
        text_config, dtype = self.config.get_text_config(), self.config.torch_dtype
        batch_size = ONNX_EXPORT_EXAMPLE_BATCH_SIZE
        seq_len = int(kwargs.get("prefill_seq_len") or ONNX_EXPORT_EXAMPLE_SEQ_LEN)
        rows = ONNX_EXPORT_EXAMPLE_FBS if continuous_batching else batch_size
        shape = get_padding_shape_from_config(text_config, rows, ONNX_EXPORT_CTX_LEN)
        vision = {{"pixel_values": torch.zeros(self.get_qeff_pixel_shape(), dtype=dtype)}}
        lang = {{
            "input_ids": torch.zeros((batch_size, seq_len), dtype=torch.int64),
            "vision_embeds": torch.zeros((1, self.get_qeff_image_tokens(), text_config.hidden_size), dtype=dtype),
            "position_ids": torch.arange(seq_len, dtype=torch.int64).repeat(batch_size, 1),
            "image_idx": torch.zeros((1, 1), dtype=torch.int64),
            "past_key_values": [
                (torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))
                for _ in range(text_config.num_hidden_layers)
            ],
        }}
        if comp_ctx_lengths is not None:
            lang["comp_ctx_lengths"] = torch.zeros(ONNX_EXPORT_CTX_LEN // 2, dtype=torch.int64)
        if continuous_batching:
            lang["batch_index"] = torch.arange(batch_size).view(batch_size, 1)
        if kv_offload:
            return {{"vision": vision, "lang": lang}}
        lang.pop("vision_embeds")
        return {{**vision, **lang}}

    def get_onnx_dynamic_axes(
        self, comp_ctx_lengths: list[int] | None = None, kv_offload: bool = False, continuous_batching: bool = False
    ) -> dict:
        """Axes of the programs' inputs whose sizes are not fixed, by their names."""
        vision = {{"pixel_values": {images_axis}}}
        lang = {{
            "input_ids": {{0: "batch_size", 1: "seq_len"}},
            "vision_embeds": {{0: "vision_batch_size", 1: "vision_size"}},
            "position_ids": {{0: "batch_size", 1: "seq_len"}},
        }}
        rows = "full_batch_size" if continuous_batching else "batch_size"
        for layer in range(self.config.get_text_config().num_hidden_layers):
            for name in ("past_key", "past_value"):
                lang[f"{{name}}.{{layer}}"] = {{0: rows, 2: "ctx_len"}}
        if comp_ctx_lengths is not None:
            lang["comp_ctx_lengths"] = {{0: "comp_ctx_lengths"}}
        if continuous_batching:
            lang["batch_index"] = {{0: "batch_size"}}
        if kv_offload:
            return {{"vision": vision, "lang": lang}}
        lang.pop("vision_embeds")
        return {{**vision, **lang}}

    def get_output_names(self, kv_offload: bool = False) -> dict | list[str]:
        """The programs' outputs, in their order."""
        kept = "vision_embeds" if kv_offload else "pixel_values"
        lang = ["logits", f"{{kept}}_RetainedState", "image_idx_output"]
        for layer in range(self.config.get_text_config().num_hidden_layers):
            lang += [f"past_key.{{layer}}_RetainedState", f"past_value.{{layer}}_RetainedState"]
        return {{"vision": ["vision_embeds"], "lang": lang}} if kv_offload else lang

    def get_specializations(
        self,
        batch_size: int,
        prefill_seq_len: int,
        ctx_len: int,
        img_size: int | None = None,
        comp_ctx_lengths_prefill: list[int] | None = None,
        comp_ctx_lengths_decode: list[int] | None = None,
        kv_offload: bool = False,
        continuous_batching: bool = False,
        kv_cache_batch_size: int | None = None,
        full_batch_size: int | None = None,
        **compiler_options,
    ) -> tuple[dict[str, list[dict]] | list[dict], dict]:
        """The sizes that the programs are compiled for, and what is left of the compiler's options."""
        if img_size is not None and (img_size, img_size) != self.get_qeff_image_size():
            raise NotImplementedError(
                f"images have the size of the vision configuration, {{self.get_qeff_image_size()}}, not {{img_size}}"
            )
        if batch_size > 1 and not continuous_batching:
            raise NotImplementedError(
                "image_idx counts the image tokens of one prompt: compile with batch_size=1 or continuous_batching"
            )
        max_num_images = compiler_options.pop("max_num_images", 1)
        ctx_len = ctx_len or ONNX_EXPORT_CTX_LEN
        vision_size = compiler_options.pop("vision_size", None) or max_num_images * self.get_qeff_image_tokens()
        if vision_size >= ctx_len:
            raise ValueError(f"vision_size must be less than ctx_len, and they are {{vision_size}} and {{ctx_len}}")
        images = {{"max_num_images": max_num_images}}
        embeds = {{"vision_size": vision_size, "vision_batch_size": 1}}
        of_call = {{"ctx_len": ctx_len, **(embeds if kv_offload else images)}}
        prefill = {{"batch_size": 1, "seq_len": prefill_seq_len or ONNX_EXPORT_EXAMPLE_SEQ_LEN, **of_call}}
        decode = {{"batch_size": full_batch_size if continuous_batching else 1, "seq_len": 1, **of_call}}
        if continuous_batching:
            prefill["full_batch_size"] = decode["full_batch_size"] = kv_cache_batch_size
            prefill["full_batch_exec_size"] = full_batch_size
        lang = [
            {{**sizes, **({{}} if length is None else {{"comp_ctx_lengths": length}})}}
            for sizes, lengths in ((prefill, comp_ctx_lengths_prefill), (decode, comp_ctx_lengths_decode))
            for length in lengths or [None]
        ]
        return {{"vision": [images], "lang": lang}} if kv_offload else lang, compiler_options

    def get_inputs_info(self) -> list[IOInfo]:
        """What a processor gives for the programs."""
        return [
            IOInfo(name="input_ids", datatype=torch.int64, shape=("batch_size", "seq_len")),
            IOInfo(name="attention_mask", datatype=torch.int64, shape=("batch_size", "seq_len")),
            IOInfo(
                name="pixel_values",
                datatype=self.config.torch_dtype,
                shape=("max_num_images", *self.get_qeff_pixel_shape()[1:]),
            ),
        ]
'''
