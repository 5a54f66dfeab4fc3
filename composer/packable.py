"""What a model's config says about how rows may share a forward."""

from typing import Any

# Attention that takes no mask of its own per token, positions that come from the mask, or a state from token to token.
UNPACKABLE = {
    *("bloom", "falcon", "mpt", "gemma3n", "gpt_neo"),
    *("recurrent_gemma", "jamba", "bamba", "zamba", "zamba2", "falcon_h1", "nemotron_h"),
    *("granitemoehybrid", "lfm2", "lfm2_moe", "qwen3_next", "minimax", "xlnet", "reformer"),
}


def can_pack(config: Any) -> bool:
    """Whether a decoder's rows can be packed into one sequence: every token may look at any other that a mask allows.

    A window or a chunk of attention counts in tokens of the sequence, where other rows stand in between.
    """
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    return (
        config.model_type not in UNPACKABLE
        and layers <= {"full_attention", "attention"}
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "attention_chunk_size", None)
        and not getattr(config, "alibi", False)
    )
