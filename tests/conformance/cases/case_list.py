"""What is varied: a family's smallest configuration, and changes to it. One line a case; its name says what differs."""

import itertools

SEEDS = itertools.count(731)

BASE = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 131,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
}
# Family → (class of the Hub's config, keys over BASE).
FAMILIES = {
    "llama": ("LlamaForCausalLM", {"rope_theta": 5000.0}),
    "mistral": ("MistralForCausalLM", {"sliding_window": None}),
    "qwen2": ("Qwen2ForCausalLM", {"use_sliding_window": False}),
    "qwen3": ("Qwen3ForCausalLM", {"head_dim": 24}),
    "qwen3_moe": ("Qwen3MoeForCausalLM", {"head_dim": 16, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "norm_topk_prob": True}),
    "gemma2": ("Gemma2ForCausalLM", {"head_dim": 16, "sliding_window": 7, "query_pre_attn_scalar": 20, "hidden_activation": "gelu_pytorch_tanh"}),
    "gemma3_text": ("Gemma3ForCausalLM", {"head_dim": 16, "sliding_window": 7, "query_pre_attn_scalar": 20, "hidden_activation": "gelu_pytorch_tanh"}),
    "phi3": ("Phi3ForCausalLM", {"original_max_position_embeddings": 256, "pad_token_id": 0, "sliding_window": None}),
    "smollm3": ("SmolLM3ForCausalLM", {"pad_token_id": 0}),
    "olmo2": ("Olmo2ForCausalLM", {"pad_token_id": 0}),
    "granite": ("GraniteForCausalLM", {"embedding_multiplier": 6.0, "attention_multiplier": 0.2, "residual_multiplier": 0.4, "logits_scaling": 3.0}),
    "stablelm": ("StableLmForCausalLM", {"layer_norm_eps": 1e-5, "partial_rotary_factor": 0.25, "hidden_size": 64}),
    "starcoder2": ("Starcoder2ForCausalLM", {"norm_epsilon": 1e-5, "sliding_window": None, "pad_token_id": 0}),
    "mixtral": ("MixtralForCausalLM", {"num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": None}),
    "gpt_oss": ("GptOssForCausalLM", {"head_dim": 16, "num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 6, "intermediate_size": 64, "hidden_size": 64, "pad_token_id": 0}),
    "lfm2": ("Lfm2ForCausalLM", {"norm_eps": 1e-5, "layer_types": ["conv", "full_attention", "conv", "full_attention"], "block_auto_adjust_ff_dim": False}),
    "deepseek_v3": ("DeepseekV3ForCausalLM", {
        "num_key_value_heads": 4, "kv_lora_rank": 24, "q_lora_rank": 20, "qk_rope_head_dim": 8, "qk_nope_head_dim": 12, "v_head_dim": 14,
        "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 24, "n_shared_experts": 1, "n_group": 4, "topk_group": 2,
        "first_k_dense_replace": 1, "routed_scaling_factor": 1.7, "norm_topk_prob": True,
    }),
}

CASES = []


def case(family, what, keys=None, *, dtype="float32", prompt=21, spread=1.4, **options):
    """`keys` over the family's; None takes a key away."""
    name, defaults = FAMILIES[family]
    merged = {"model_type": family, **BASE, **defaults, **(keys or {})}
    config = {key: value for key, value in merged.items() if value is not ABSENT}
    CASES.append({"name": f"{family}-{what}", "class": name, "config": config, "dtype": dtype, "prompt": prompt, "spread": spread, "seed": next(SEEDS), **options})


ABSENT = object()
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
SHORT = [1.0, 1.05, 1.1, 1.2, 1.3, 1.4]
LONG = [1.3, 2.0, 2.9, 3.7, 4.5, 5.5]
LONGROPE = {"type": "longrope", "short_factor": SHORT, "long_factor": LONG}

# llama
case("llama", "one-kv-head", {"num_key_value_heads": 1, "tie_word_embeddings": True})
case("llama", "wide-heads-bias", {"head_dim": 20, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 4})
case("llama", "no-kv-key", {"num_key_value_heads": ABSENT, "tie_word_embeddings": ABSENT, "rms_norm_eps": ABSENT, "rope_theta": ABSENT})
case("llama", "rope-llama3-old", {"rope_scaling": LLAMA3}, dtype="bfloat16", prompt=45)
case("llama", "rope-llama3-new", {"rope_theta": ABSENT, "rope_parameters": {**LLAMA3, "rope_theta": 7000.0}}, prompt=45)
case("llama", "rope-linear", {"rope_scaling": {"type": "linear", "factor": 3.0}})
case("llama", "rope-yarn", {"rope_scaling": {**YARN, "beta_fast": 16, "beta_slow": 2}}, prompt=45)
case("llama", "rope-yarn-factors", {"rope_scaling": {**YARN, "attention_factor": 1.3, "truncate": False}}, prompt=45)
case("llama", "rope-dynamic", {"rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64})
case("llama", "rope-longrope-short", {"rope_scaling": {**LONGROPE, "original_max_position_embeddings": 64}}, prompt=20)
case("llama", "gelu-odd", {"hidden_act": "gelu", "hidden_size": 36, "head_dim": 12, "num_attention_heads": 3, "num_key_value_heads": 3, "intermediate_size": 51, "vocab_size": 97})
case("llama", "sharded-f16", {"num_hidden_layers": 5}, dtype="float16", shard_bytes=60_000)
case("llama", "relu", {"hidden_act": "relu"})
case("llama", "two-layers", {"num_hidden_layers": 2})
case("llama", "one-layer", {"num_hidden_layers": 1})
# mistral
case("mistral", "window", {"sliding_window": 5}, dtype="float16")
case("mistral", "default-window", {"sliding_window": ABSENT, "head_dim": 32, "num_key_value_heads": 4})
case("mistral", "new-rope", {"rope_parameters": {"rope_type": "default", "rope_theta": 900.0}, "dtype": "bfloat16"}, dtype="bfloat16")
# qwen2
case("qwen2", "tied", {"tie_word_embeddings": True, "num_key_value_heads": 1})
case("qwen2", "max-window-layers", {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 2})
case("qwen2", "layer-types", {"use_sliding_window": True, "sliding_window": 6, "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]})
case("qwen2", "window-off", {"use_sliding_window": False, "sliding_window": 6, "max_window_layers": 1}, dtype="bfloat16")
case("qwen2", "rope-yarn", {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24}}, prompt=40)
# qwen3
case("qwen3", "bias", {"attention_bias": True, "tie_word_embeddings": True})
case("qwen3", "default-head-dim", {"head_dim": ABSENT, "num_hidden_layers": 3})
case("qwen3", "window", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}, dtype="bfloat16")
case("qwen3", "padded-norm", {"head_dim": 20, "num_key_value_heads": 4})
# qwen3_moe
case("qwen3_moe", "no-norm", {"norm_topk_prob": False, "num_experts_per_tok": 3})
case("qwen3_moe", "norm-absent", {"norm_topk_prob": ABSENT, "attention_bias": True})
case("qwen3_moe", "sparse-step", {"decoder_sparse_step": 2, "head_dim": ABSENT})
case("qwen3_moe", "mlp-only", {"mlp_only_layers": [0, 2], "use_sliding_window": True, "sliding_window": 6})
case("qwen3_moe", "window-off", {"use_sliding_window": False, "sliding_window": 6}, dtype="bfloat16", shard_bytes=100_000)
# gemma2
case("gemma2", "plain", {})
case("gemma2", "no-softcaps", {"attn_logit_softcapping": None, "final_logit_softcapping": None})
case("gemma2", "small-caps", {"attn_logit_softcapping": 2.5, "final_logit_softcapping": 8.0, "num_key_value_heads": 1, "head_dim": 24})
case("gemma2", "defaults", {"hidden_activation": ABSENT, "query_pre_attn_scalar": ABSENT, "sliding_window": ABSENT, "head_dim": ABSENT, "rms_norm_eps": ABSENT})
case("gemma2", "layer-types", {"layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"], "attn_logit_softcapping": 3.0, "num_key_value_heads": 4}, dtype="bfloat16")
case("gemma2", "hidden-act-ignored", {"hidden_act": "gelu", "hidden_activation": ABSENT, "attention_bias": True})
# gemma3
case("gemma3_text", "six-layers", {"num_hidden_layers": 7, "rope_theta": 20_000.0, "rope_local_base_freq": 700.0})
case("gemma3_text", "pattern", {"sliding_window_pattern": 2})
case("gemma3_text", "layer-types-bias", {"layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"], "attention_bias": True})
case("gemma3_text", "rope-scaled", {"sliding_window_pattern": 2, "rope_scaling": {"rope_type": "linear", "factor": 8.0}})
case("gemma3_text", "rope-parameters", {"sliding_window_pattern": 2, "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 9000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}}})
case("gemma3_text", "softcaps", {"sliding_window_pattern": 2, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 9.0}, dtype="bfloat16")
# phi3
case("phi3", "window", {"sliding_window": 6})
case("phi3", "partial", {"partial_rotary_factor": 0.5, "tie_word_embeddings": True, "num_key_value_heads": 4}, dtype="bfloat16")
case("phi3", "longrope-below", {"rope_scaling": LONGROPE, "original_max_position_embeddings": 64}, prompt=25)
case("phi3", "longrope-above", {"rope_scaling": LONGROPE, "original_max_position_embeddings": 16}, prompt=25)
case("phi3", "longrope-crossing", {"rope_scaling": LONGROPE, "original_max_position_embeddings": 32}, prompt=25)
case("phi3", "longrope-su", {"rope_scaling": {**LONGROPE, "type": "su", "original_max_position_embeddings": 16}, "original_max_position_embeddings": 16}, prompt=25)
case("phi3", "longrope-partial", {"rope_scaling": {"type": "longrope", "short_factor": SHORT[:3], "long_factor": LONG[:3]}, "partial_rotary_factor": 0.5, "original_max_position_embeddings": 16}, prompt=25)
case("phi3", "longrope-new", {"rope_parameters": {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG, "rope_theta": 3000.0}, "original_max_position_embeddings": 16}, prompt=25)
# smollm3
case("smollm3", "interval", {"no_rope_layer_interval": 2, "tie_word_embeddings": False})
case("smollm3", "listed", {"no_rope_layers": [1, 0, 0, 1], "attention_bias": True, "mlp_bias": True})
case("smollm3", "window", {"no_rope_layers": [0, 1, 0, 1], "use_sliding_window": True, "sliding_window": 5})
case("smollm3", "layer-types", {"use_sliding_window": True, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]}, dtype="bfloat16")
# olmo2
case("olmo2", "one-kv", {"num_key_value_heads": 1, "attention_bias": True})
case("olmo2", "odd-heads", {"hidden_size": 60, "num_attention_heads": 3, "num_key_value_heads": 3, "tie_word_embeddings": True, "rms_norm_eps": ABSENT})
# granite
case("granite", "biases-untied", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False})
case("granite", "tied", {"tie_word_embeddings": True, "embedding_multiplier": 12, "logits_scaling": 0.5, "residual_multiplier": 1.5})
case("granite", "defaults", {"embedding_multiplier": ABSENT, "attention_multiplier": ABSENT, "residual_multiplier": ABSENT, "logits_scaling": ABSENT}, spread=0.9)
# stablelm
case("stablelm", "qkv-bias", {"use_qkv_bias": True, "num_key_value_heads": 4})
case("stablelm", "head-norms", {"qk_layernorm": True, "hidden_size": 64, "partial_rotary_factor": 0.5})
case("stablelm", "head-norms-padded", {"qk_layernorm": True, "hidden_size": 48, "partial_rotary_factor": 0.5})
case("stablelm", "parallel", {"use_parallel_residual": True, "partial_rotary_factor": ABSENT, "num_key_value_heads": 1})
case("stablelm", "parallel-norms", {"use_parallel_residual": True, "qk_layernorm": True, "hidden_size": 64, "use_qkv_bias": True, "tie_word_embeddings": True}, dtype="float16")
# starcoder2
case("starcoder2", "no-bias", {"use_bias": False, "tie_word_embeddings": False})
case("starcoder2", "window-gelu", {"sliding_window": 5, "hidden_act": "gelu", "num_key_value_heads": 1})
case("starcoder2", "defaults", {"hidden_act": ABSENT, "norm_epsilon": ABSENT}, dtype="bfloat16")
# mixtral
case("mixtral", "window", {"sliding_window": 6, "num_experts_per_tok": 1})
case("mixtral", "head-dim", {"head_dim": 16, "num_local_experts": 3, "num_experts_per_tok": 3, "tie_word_embeddings": True}, dtype="bfloat16")
# gpt_oss
case("gpt_oss", "default-rope", {"rope_parameters": ABSENT}, dtype="bfloat16", prompt=30)
case("gpt_oss", "layer-types", {"layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"], "rope_scaling": {**YARN, "truncate": False}, "rope_theta": 2000.0}, prompt=40)
case("gpt_oss", "limit", {"swiglu_limit": 1.5, "num_experts_per_tok": 3, "attention_bias": False, "rope_scaling": YARN})
case("gpt_oss", "alpha", {"swiglu_alpha": 1.3, "rope_scaling": YARN})
case("gpt_oss", "mxfp4", {"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": []}, "rope_scaling": YARN, "num_key_value_heads": 1}, dtype="bfloat16", mxfp4=True)
# lfm2
case("lfm2", "conv-bias", {"conv_bias": True, "conv_L_cache": 5, "tie_embedding": False, "tie_word_embeddings": ABSENT})
case("lfm2", "auto-adjust", {"block_auto_adjust_ff_dim": True, "block_multiple_of": 16, "block_ffn_dim_multiplier": 1.3, "block_ff_dim": 90})
case("lfm2", "indices", {"layer_types": ABSENT, "full_attn_idxs": [1, 3], "conv_L_cache": 2}, dtype="bfloat16")
case("lfm2", "conv-first-last", {"layer_types": ["conv", "conv", "full_attention", "conv"], "conv_L_cache": 4, "num_key_value_heads": 1})
# deepseek_v3
case("deepseek_v3", "groups", {})
case("deepseek_v3", "no-query-rank", {"q_lora_rank": None, "first_k_dense_replace": 0, "n_shared_experts": 2, "norm_topk_prob": False})
case("deepseek_v3", "one-group", {"n_group": 1, "topk_group": 1, "rope_interleave": False, "attention_bias": True}, dtype="bfloat16")
case("deepseek_v3", "yarn", {"rope_scaling": {**YARN, "mscale": 0.8, "mscale_all_dim": 1.1}}, prompt=40)
case("deepseek_v3", "wide-values", {"v_head_dim": 26, "first_k_dense_replace": 3, "rope_scaling": {**YARN, "type": "yarn", "mscale": 1.0, "mscale_all_dim": 1.0}}, prompt=40)

# Small enough for the repository (tests/fixtures/golden): a continuation that changes its rotation, groups with negative scores.
TINY = {"num_hidden_layers": 3, "vocab_size": 67}
case("phi3", "tiny-crossing", {**TINY, "rope_scaling": LONGROPE, "original_max_position_embeddings": 32}, dtype="bfloat16", prompt=25)
case("deepseek_v3", "tiny-groups", {**TINY}, dtype="bfloat16")

# As a GGUF file can state them: what llama.cpp's converter does not write stays at what llama.cpp takes (make_gguf.py).
case("llama", "gguf", {"attention_bias": True, "mlp_bias": True}, dtype="float16")
case("mixtral", "gguf", {})
case("qwen3_moe", "gguf", {}, dtype="float16")
case("gemma2", "gguf", {"query_pre_attn_scalar": 16, "attn_logit_softcapping": 4.0})
case("phi3", "gguf", {"sliding_window": 9})
case("phi3", "gguf-longrope", {"rope_scaling": LONGROPE, "original_max_position_embeddings": 32}, prompt=25)
case("smollm3", "gguf", {"num_hidden_layers": 5, "tie_word_embeddings": True})
case("olmo2", "gguf", {})
case("granite", "gguf", {"tie_word_embeddings": True})
case("stablelm", "gguf", {"use_qkv_bias": True})
case("stablelm", "gguf-parallel", {"use_parallel_residual": True, "qk_layernorm": True, "num_key_value_heads": 4})
case("starcoder2", "gguf", {})
case("gpt_oss", "gguf", {"rope_scaling": {**YARN, "truncate": False}}, prompt=40, dtype="float16")
case("lfm2", "gguf", {"conv_L_cache": 3, "tie_word_embeddings": True})
case("mixtral", "tiny-gguf", {**TINY, "num_local_experts": 3}, dtype="float16")
case("phi3", "tiny-gguf", {**TINY, "rope_scaling": LONGROPE, "original_max_position_embeddings": 32}, dtype="float16", prompt=25)
