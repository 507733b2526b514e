"""Loads adapters that the server wrote with PEFT and compares log-probabilities.

    python check_adapters.py DIRECTORY

reads DIRECTORY/adapters/<name>/{base,adapter,merged} and expected.safetensors (tokens [T] and the server's
log-probabilities [T - 1] of the tokens from the second on), and prints the largest differences: of the base model with
the adapter, of the same after PEFT merged it, and of the merged model that the server wrote.
"""

import pathlib
import sys

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def logprobs(model, tokens):
    with torch.no_grad():
        all_logprobs = torch.log_softmax(model.eval()(tokens[None]).logits[0], -1)
    return all_logprobs[:-1].gather(1, tokens[1:, None])[:, 0]


def load(directory):
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")


def main(directory):
    worst = 0.0
    for target in sorted(path for path in (directory / "adapters").iterdir() if path.is_dir()):
        expected = load_file(target / "expected.safetensors")
        tokens = expected["tokens"].long()

        def difference(model):
            return (logprobs(model, tokens) - expected["logprobs"]).abs().max().item()

        base = load(target / "base")
        untrained = difference(base)
        adapted = PeftModel.from_pretrained(base, target / "adapter")
        layers = [module for module in adapted.modules() if isinstance(module, LoraLayer)]
        stored = load_file(target / "adapter" / "adapter_model.safetensors")
        assert len(stored) == 2 * len(layers), (len(stored), len(layers))
        for layer in layers:
            assert layer.lora_B["default"].weight.abs().max() > 0, "an adapter was not loaded"
        found = [difference(adapted), difference(adapted.merge_and_unload()), difference(load(target / "merged"))]
        worst = max(worst, *found)
        print(f"{target.name}: without adapter {untrained:.1e}, with it {found[0]:.1e}, merged by PEFT {found[1]:.1e}, "
              f"merged by the server {found[2]:.1e}; {len(layers)} adapters")
        assert untrained > 100 * max(found), "the adapter changes nothing"
    assert worst < 1e-4, worst


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
