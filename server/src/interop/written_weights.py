"""Loads the directories that the server writes with transformers and compares every value.

    mvn -q -pl server -am test-compile dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile=/tmp/d3s.cp
    java -cp server/target/test-classes:server/target/classes:$(cat /tmp/d3s.cp) \
        dev.d3s.server.model.WrittenModels /tmp/d3s-written
    pip install torch transformers safetensors numpy
    python server/src/interop/written_weights.py /tmp/d3s-written

A model of each family in fp32, fp16 and bf16, each in one file and in several with an index. Expected are the plain fp32 values that the
Java side wrote beside them, rounded by torch: equal to the last bit, in the format that config.json names.
"""

import json
import pathlib
import sys

import numpy
import torch
import transformers

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def check(path, values, dtype):
    """What is wrong with a directory, and a line about it."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(path, dtype="auto", output_loading_info=True)
    transformers.AutoTokenizer.from_pretrained(path)
    files = len(list(path.glob("*.safetensors")))
    tensors = count = different = wrong_type = 0
    largest = 0.0
    state = model.state_dict()
    for source in sorted(values.iterdir()):
        exact = torch.from_numpy(numpy.fromfile(source, dtype="<f4"))
        loaded = state.pop(source.name)
        expected = exact.to(dtype).reshape(loaded.shape)
        tensors += 1
        count += expected.numel()
        different += int((loaded != expected).sum())
        wrong_type += loaded.dtype != dtype
        largest = max(largest, float((loaded.float().flatten() - exact).abs().max()))
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    problems = [f"{key}: {value}" for key, value in info.items() if value]
    index = path / "model.safetensors.index.json"
    if index.exists() != (files > 1):
        problems.append("an index where there should be none, or none where there should be one")
    if index.exists():
        total = json.loads(index.read_text())["metadata"]["total_size"]
        if total != count * dtype.itemsize:
            problems.append(f"total_size {total} instead of {count * dtype.itemsize}")
    if state:
        problems.append(f"unexpected {sorted(state)}")
    line = (f"{type(model).__name__}: {files} file(s), {tensors} tensors, {count} values, {different} differ, "
            f"{wrong_type} of another type, largest rounding {largest:.2e}")
    return bool(different or wrong_type or problems), "; ".join([line, *problems])


def main(directory):
    failures = 0
    for family in sorted(directory.iterdir()):
        for name, dtype in TYPES.items():
            for spread in ("whole", "shards"):
                bad, line = check(family / f"{name}-{spread}", family / "values", dtype)
                failures += bad
                print(f"{name:>4} {spread:>6} {line}")
    print("transformers", transformers.__version__, "torch", torch.__version__,
          f"{failures} FAILED" if failures else "all equal")
    return failures


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])) > 0)
