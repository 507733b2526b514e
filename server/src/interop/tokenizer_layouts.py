"""Small tokenizers with the exact layout of the families' own, and what Python makes of some texts with them.

    python3 -m venv venv && venv/bin/pip install transformers==5.24.0 tokenizers==0.23.3
    venv/bin/python server/src/interop/tokenizer_layouts.py <GSM8K train.jsonl>

It trains about a thousand tokens on GSM8K's text (MIT licence), writes server/src/test/resources/tokenizers/<family>/tokenizer.json with its
tokenizer_config.json, and expected.json with token ids and texts, which JsonTokenizerTest compares with what the server finds.

    venv/bin/python server/src/interop/tokenizer_layouts.py --compare <directory with tokenizer.json> > expected.json

prints the same expectations for any other tokenizer.json.
"""

import json
import os
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "resources", "tokenizers")
QWEN2 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
LLAMA3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
TEXTS = ["", "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72", " leading", "  two leading", "trailing ", "a", " ", "\n", "\n\n\t x\r\n  y",
    "It's we'll THEY'RE 1234567 3.14", "naïve café — 数学 你好 😀👨‍👩‍👧 \u00a0\u00ad", "e\u0301 cafe\u0301 \u1e9b\u0323", "def f(x):\n    return x**2  # ok\n\n\nprint(f(3))",
    "🇨🇭\ufffd\u200b𝒳", "{special}tail", "head{special}tail", "head {special} tail", "{special}{special}", "{user}user\nHi{end}\n{user}assistant\n",
    "▁under▁score", "<0x0A> <unk>", "a" * 300]


def corpus(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in list(file)[:600]]
    texts = [row["question"] + "\n" + row["answer"] for row in rows]
    return texts + ["naïve café 数学 你好 émile", "def f(x):\n    return x\n"] * 20


def byte_level(path, name, regex, specials, normalizer=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated", False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tokenizer.train_from_iterator(corpus(path), trainers.BpeTrainer(vocab_size=900, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in specials])
    return tokenizer


def sentencepiece(path, metaspace):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    raw = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % value for value in range(256)]
    tokenizer.train_from_iterator(corpus(path), trainers.BpeTrainer(vocab_size=900, show_progress=False, special_tokens=raw,
        limit_alphabet=80))
    tree = json.loads(tokenizer.to_str())
    tree["added_tokens"] = [token for token in tree["added_tokens"] if token["content"] in ("<unk>", "<s>", "</s>")]
    tree["model"]["vocab"].update({} if "▁" in tree["model"]["vocab"] else {"▁": len(tree["model"]["vocab"])})
    tokenizer = Tokenizer.from_str(json.dumps(tree))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    else:
        del tree["pre_tokenizer"]
        tree["pre_tokenizer"] = None
        tokenizer = Tokenizer.from_str(json.dumps(tree))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    if metaspace:
        tokenizer.add_special_tokens([AddedToken("[INST]", normalized=False, special=True), AddedToken("[/INST]", normalized=False, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


def families(path):
    tokenizer = byte_level(path, "qwen2", QWEN2, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizers.NFC())
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    yield "qwen2", tokenizer, {"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>"}, ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer = byte_level(path, "llama3", LLAMA3, ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|eot_id|>"], ignore_merges=True)
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(add_prefix_space=True, trim_offsets=False, use_regex=True),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
            special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])])
    yield "llama3", tokenizer, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, ("<|eot_id|>", "<|start_header_id|>", "<|eot_id|>")
    yield "llama2", sentencepiece(path, False), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, ("</s>", "<s>", "</s>")
    yield "mistral", sentencepiece(path, True), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, ("</s>", "[INST]", "[/INST]")


def expectations(tokenizer, fast, special):
    rows = []
    for text in TEXTS:
        text = text.replace("{special}", special[0]).replace("{user}", special[1]).replace("{end}", special[2])
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append({"text": text, "ids": ids, "prompt": fast(text)["input_ids"], "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
    return rows


def main():
    if sys.argv[1] == "--compare":
        tokenizer = Tokenizer.from_file(os.path.join(sys.argv[2], "tokenizer.json"))
        fast = PreTrainedTokenizerFast(tokenizer_file=os.path.join(sys.argv[2], "tokenizer.json"))
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:3]
        json.dump(expectations(tokenizer, fast, (special * 3)[:3]), sys.stdout, ensure_ascii=False, indent=1)
        return
    for name, tokenizer, config, special in families(sys.argv[1]):
        directory = os.path.join(TARGET, name)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "tokenizer.json"), "w", encoding="utf-8") as file:
            json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")
        with open(os.path.join(directory, "tokenizer_config.json"), "w", encoding="utf-8") as file:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **config}, file, indent=1)
            file.write("\n")
        fast = PreTrainedTokenizerFast.from_pretrained(directory)
        with open(os.path.join(directory, "expected.json"), "w", encoding="utf-8") as file:
            json.dump(expectations(tokenizer, fast, special), file, ensure_ascii=False, separators=(",", ":"))
            file.write("\n")


main()
