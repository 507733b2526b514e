"""Lets huggingface_hub download from the hub that the tests use, which shows that it speaks the protocol.

    java server/src/test/java/dev/d3s/server/hub/StubHub.java org/model DIRECTORY     # prints its address
    pip install huggingface_hub
    python server/src/interop/hub_snapshot.py ADDRESS org/model DIRECTORY

DIRECTORY is any model directory. Checked: a snapshot of main, of the commit and of a pull request, with and without a local
directory; every byte of every file; a download that goes on; and the errors for an unknown model, revision and file.
"""

import filecmp
import os
import pathlib
import sys
import tempfile

os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import huggingface_hub  # noqa: E402 (the variables are read when it is imported)
import huggingface_hub.file_download  # noqa: E402
from huggingface_hub import errors  # noqa: E402


def compare(original, copy):
    names = sorted(str(path.relative_to(original)) for path in original.rglob("*") if path.is_file())
    _, wrong, missing = filecmp.cmpfiles(original, copy, names, shallow=False)
    assert not wrong and not missing, (wrong, missing)
    return len(names)


def main(endpoint, repository, original):
    api = huggingface_hub.HfApi(endpoint=endpoint, token=False)
    info = api.model_info(repository)
    tree = list(api.list_repo_tree(repository, recursive=True))
    sizes = {entry.path: entry.size for entry in tree if hasattr(entry, "size")}
    for path in original.rglob("*"):
        if path.is_file():
            assert sizes[str(path.relative_to(original))] == path.stat().st_size, path
    large = sum(1 for entry in tree if getattr(entry, "lfs", None))
    print(f"listing: {len(sizes)} files, {large} of them large, commit {info.sha}")
    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        for revision in ("main", info.sha, "refs/pr/1"):
            cache = home / revision.replace("/", "-")
            found = huggingface_hub.snapshot_download(repository, revision=revision, endpoint=endpoint, cache_dir=cache,
                                                      token=False)
            assert pathlib.Path(found).name == info.sha, found
            print(f"snapshot of {revision}: {compare(original, pathlib.Path(found))} files equal")
        local = home / "local"
        huggingface_hub.snapshot_download(repository, endpoint=endpoint, local_dir=local, token=False)
        print(f"snapshot into a directory: {compare(original, local)} files equal")

        # goes on with a part that is there already, as huggingface_hub does after a broken connection
        name = max(sizes, key=sizes.get)
        url = huggingface_hub.hf_hub_url(repository, name, endpoint=endpoint)
        metadata = huggingface_hub.get_hf_file_metadata(url, token=False, endpoint=endpoint)
        assert metadata.commit_hash == info.sha and metadata.size == sizes[name], metadata
        half = sizes[name] // 2
        resumed = home / "resumed"
        resumed.write_bytes((original / name).read_bytes()[:half])
        with resumed.open("ab") as file:
            huggingface_hub.file_download.http_get(url, file, resume_size=half, expected_size=sizes[name], headers={})
        assert filecmp.cmp(resumed, original / name, shallow=False)
        print(f"{name} from byte {half} of {sizes[name]} on: equal")
    for kind, arguments in ((errors.RepositoryNotFoundError, {"repo_id": "org/none", "filename": "config.json"}),
                            (errors.RevisionNotFoundError,
                             {"repo_id": repository, "filename": "config.json", "revision": "none"}),
                            (errors.EntryNotFoundError, {"repo_id": repository, "filename": "none.json"})):
        try:
            huggingface_hub.hf_hub_download(endpoint=endpoint, token=False, **arguments)
            raise AssertionError(f"{kind.__name__} expected")
        except kind:
            print(f"{kind.__name__}: as expected")
    print("huggingface_hub", huggingface_hub.__version__, "all well")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
