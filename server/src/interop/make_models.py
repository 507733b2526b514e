"""Tiny random models of every family that the server trains, written by transformers, with the logits that transformers computes.

    python make_models.py DIRECTORY

makes DIRECTORY/theirs/<name>/, a model as save_pretrained writes it, and DIRECTORY/theirs/<name>.expected.safetensors:
tokens [T] (as fp32) and logits [T, V], computed in fp32 from the values on disk.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

COMMON = dict(
    vocab_size=67,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    max_position_embeddings=512,
    initializer_range=0.2,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=None,
)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=500.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=16,
)


def default(theta):
    return dict(rope_type="default", rope_theta=theta)


# name: (model, configuration, dtype on disk, save_pretrained's max_shard_size, tokens, several end tokens)
MODELS = {
    "qwen2-tied-bf16": (
        Qwen2ForCausalLM,
        Qwen2Config(**COMMON, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True,
                    rope_parameters=default(1e6)),
        torch.bfloat16, "1GB", 40, None),
    "qwen2-untied-fp32-sharded": (
        Qwen2ForCausalLM,
        Qwen2Config(**COMMON, num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=False,
                    rope_parameters=default(1e4)),
        torch.float32, "30KB", 40, None),
    "qwen3-tied-bf16": (
        Qwen3ForCausalLM,
        Qwen3Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
                    rope_parameters=default(1e6)),
        torch.bfloat16, "1GB", 40, [2, 4]),
    "qwen3-untied-fp16": (
        Qwen3ForCausalLM,
        Qwen3Config(**COMMON, num_attention_heads=2, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False,
                    rope_parameters=default(1e4)),
        torch.float16, "1GB", 40, None),
    "llama2-fp16": (
        LlamaForCausalLM,
        LlamaConfig(**COMMON, num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=False),
        torch.float16, "1GB", 40, None),
    "llama3-tied-bf16": (
        LlamaForCausalLM,
        LlamaConfig(**COMMON, num_attention_heads=4, num_key_value_heads=1, head_dim=32, tie_word_embeddings=True,
                    rope_parameters=LLAMA3),
        torch.bfloat16, "1GB", 60, [3, 5, 7]),
    "llama-linear-fp32-sharded": (
        LlamaForCausalLM,
        LlamaConfig(**COMMON, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False,
                    rope_parameters=dict(rope_type="linear", rope_theta=1e4, factor=4.0)),
        torch.float32, "20KB", 40, None),
    "mistral-bf16": (
        MistralForCausalLM,
        MistralConfig(**COMMON, num_attention_heads=4, num_key_value_heads=1, head_dim=32, sliding_window=None,
                      tie_word_embeddings=False, rope_parameters=default(1e6)),
        torch.bfloat16, "1GB", 40, None),
    "mistral-window-bf16": (
        MistralForCausalLM,
        MistralConfig(**COMMON, num_attention_heads=2, num_key_value_heads=1, sliding_window=24,
                      tie_word_embeddings=False, rope_parameters=default(1e4)),
        torch.bfloat16, "1GB", 24, None),
}


def main(directory):
    for number, (name, (kind, config, dtype, shard, length, ends)) in enumerate(MODELS.items()):
        torch.manual_seed(number)
        model = kind(config)
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                # norms and biases start as constants, which would hide a forgotten one
                if parameter_name.endswith("norm.weight") or parameter_name.endswith(".bias"):
                    parameter.add_(0.2 * torch.randn_like(parameter))
        if ends:
            model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=ends)
        target = directory / "theirs" / name
        model.to(dtype).save_pretrained(target, max_shard_size=shard)
        loaded = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32, attn_implementation="eager").eval()
        tokens = torch.randint(0, config.vocab_size, (1, length))
        with torch.no_grad():
            logits = loaded(tokens).logits[0]
        save_file({"tokens": tokens[0].float(), "logits": logits.contiguous()},
                  directory / "theirs" / f"{name}.expected.safetensors")
        print(f"{name}: {sum(p.numel() for p in loaded.parameters())} parameters, |logit| up to {logits.abs().max():.2f}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
