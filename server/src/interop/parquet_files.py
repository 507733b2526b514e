"""Small Parquet files as pyarrow writes them, for RowSourceTest.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1
    venv/bin/python server/src/interop/parquet_files.py
"""

import datetime
import os

import pyarrow as pa
import pyarrow.parquet as pq

TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "resources", "datasets")
ROWS = [{"prompt": f"{index}+{index}=", "answer": str(2 * index), "level": index if index % 3 else None, "score": index / 4, "right": index % 2 == 0,
    "tags": ["a", "ö"][: index % 3]} for index in range(40)]
CHATS = [{"messages": [{"role": "system", "content": "Be brief.", "weight": None, "tool_calls": None},
    {"role": "user", "content": f"{index}+1? 你好", "weight": None, "tool_calls": None},
    {"role": "assistant", "content": str(index + 1), "weight": 1, "tool_calls": [{"function": {"name": "add", "arguments": "{}"}}] if index == 2 else None}],
    "meta": {"source": {"name": "x", "page": index}}, "day": datetime.date(2026, 1, 2)} for index in range(5)]

for name in ["snappy", "zstd", "gzip", "none"]:
    pq.write_table(pa.Table.from_pylist(ROWS), os.path.join(TARGET, f"{name}.parquet"), compression=name, row_group_size=16)
pq.write_table(pa.Table.from_pylist(CHATS), os.path.join(TARGET, "messages.parquet"), compression="zstd")
