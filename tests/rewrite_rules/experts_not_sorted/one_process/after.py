class TinyMixture:
    def mix(self, x, topk_ids, topk_weight):
        if self.ranks > 1 or self.rank > 0:
            raise ValueError(
                "the experts are spread over several processes, which exchange tokens: give one process all"
            )
        final_out = torch.zeros_like(x, dtype=topk_weight.dtype)
        expert_mask = nn.functional.one_hot(topk_ids, num_classes=len(self.experts)).permute(2, 0, 1)
        for i in range(len(self.experts)):
            expert = self.experts[i]
            chosen_here = expert_mask[i]
            tokens, choices = torch.where(chosen_here)
            if tokens.numel() > 0:
                expert_weights = topk_weight[tokens, choices]
                tokens_for_this_expert = x[tokens]
                expert_out = expert(tokens_for_this_expert)
                weighted_output = expert_out * expert_weights.unsqueeze(-1)
                final_out.index_add_(0, tokens, weighted_output)
        final_out = final_out.type(x.dtype)
        return final_out
