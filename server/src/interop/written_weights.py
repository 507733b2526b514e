"""Loads the directories that the server writes with transformers and compares every value.

    mvn -q -pl server -am test-compile dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile=/tmp/d3s.cp
    java -cp server/target/test-classes:server/target/classes:$(cat /tmp/d3s.cp) \
        dev.d3s.server.model.WrittenModels /tmp/d3s-written
    pip install torch transformers safetensors numpy
    python server/src/interop/written_weights.py /tmp/d3s-written

A model in fp32, fp16 and bf16, each in one file and in several with an index. Expected are the plain fp32 values that the
Java side wrote beside them, rounded by torch: equal to the last bit, in the format that config.json names.
"""

import json
import pathlib
import sys

import numpy
import torch
import transformers

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def main(directory):
    failures = 0
    for name, dtype in TYPES.items():
        for spread in ("whole", "shards"):
            path = directory / f"{name}-{spread}"
            model, info = transformers.AutoModelForCausalLM.from_pretrained(path, dtype="auto", output_loading_info=True)
            transformers.AutoTokenizer.from_pretrained(path)
            files = sorted(file.name for file in path.glob("*.safetensors"))
            tensors = values = different = wrong_type = 0
            largest = 0.0
            state = model.state_dict()
            for source in sorted((directory / "values").iterdir()):
                exact = torch.from_numpy(numpy.fromfile(source, dtype="<f4"))
                loaded = state.pop(source.name)
                expected = exact.to(dtype).reshape(loaded.shape)
                tensors += 1
                values += expected.numel()
                different += int((loaded != expected).sum())
                wrong_type += loaded.dtype != dtype
                largest = max(largest, float((loaded.float().flatten() - exact).abs().max()))
            state.pop("lm_head.weight", None)  # tied to the embedding
            index = path / "model.safetensors.index.json"
            total = json.loads(index.read_text())["metadata"]["total_size"] if index.exists() else None
            problems = [f"{key}: {value}" for key, value in info.items() if value]
            if total is not None and total != values * dtype.itemsize:
                problems.append(f"total_size {total} instead of {values * dtype.itemsize}")
            if state:
                problems.append(f"unexpected {sorted(state)}")
            bad = different or wrong_type or problems
            failures += bool(bad)
            print(f"{name:>4} {spread:>6}: {len(files)} file(s), {tensors} tensors, {values} values, {different} differ, "
                  f"{wrong_type} of another type, largest rounding {largest:.2e}" + "".join(f"; {p}" for p in problems))
    print("transformers", transformers.__version__, "torch", torch.__version__, "FAILED" if failures else "all equal")
    return failures


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])) > 0)
