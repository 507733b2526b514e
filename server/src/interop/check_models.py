"""Loads directories that the server wrote with transformers and compares logits.

    python check_models.py DIRECTORY

reads DIRECTORY/ours/<name>/ and DIRECTORY/ours/<name>.expected.safetensors (tokens [T] and the server's
log-probabilities [T - 1] of the tokens from the second on) and prints the largest difference of each.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def main(directory):
    worst = 0.0
    for target in sorted(path for path in (directory / "ours").iterdir() if path.is_dir()):
        model, report = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32, attn_implementation="eager",
                                                             output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            assert not report[kind], (target, kind, report[kind])
        expected = load_file(f"{target}.expected.safetensors")
        tokens = expected["tokens"].long()
        with torch.no_grad():
            logprobs = torch.log_softmax(model.eval()(tokens[None]).logits[0], -1)
        found = logprobs[:-1].gather(1, tokens[1:, None])[:, 0]
        difference = (found - expected["logprobs"]).abs().max().item()
        worst = max(worst, difference)
        print(f"{target.name}: {difference:.1e}, end tokens {model.generation_config.eos_token_id}")
    assert worst < 1e-4, worst


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
