"""Pulling models from local wheels: what was checked is kept, what is wrong is refused, nothing is fetched twice."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from inference import ModelDamaged, ModelMissing, ModelSpec, ModelStore
from inference.errors import ManifestError, NotEnoughSpace, PullFailed, UnknownModel
from inference.store import model_store as store_module
from inference.store.manifest import ModelFile, Part, listing_digest, load_manifest

PARTS = [bytes([index]) * (1000 + index) for index in range(3)]


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_wheel(folder: Path, package: str, members: dict[str, bytes]) -> Path:
    """A wheel as pip wants it, with data and nothing to run."""
    module = package.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{module}/{name}", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def part_wheel(wheels: Path, index: int, content: bytes | None = None) -> Path:
    return write_wheel(wheels, f"fake-part{index}", {"data/part.bin": PARTS[index] if content is None else content})


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for index in range(len(PARTS)):
        part_wheel(folder, index)
    return folder


def spec(name: str = "fake") -> ModelSpec:
    whole = b"".join(PARTS)
    parts = tuple(
        Part(f"fake-part{index}", "1.0", f"fake_part{index}/data/part.bin", sha(content), len(content))
        for index, content in enumerate(PARTS)
    )
    return ModelSpec(
        name=name, kind="chat", origin="a test", licence="CC0-1.0", use="tests", prompt_format="none", context=1,
        entry="model.gguf", digest=sha(whole), files=(ModelFile("model.gguf", sha(whole), len(whole), parts),),
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, wheels: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", {"fake": spec()})


def test_a_pulled_model_is_its_parts_end_to_end(store: ModelStore) -> None:
    steps: list[tuple[str, int, int]] = []
    store.pull(["fake"], lambda *step: steps.append(step))
    store.verify("fake")
    assert store.path("fake").read_bytes() == b"".join(PARTS)
    total = spec().size
    assert steps[-1] == ("fake", total, total)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert sorted(file.name for file in (store.root / "fake").iterdir()) == [".lock", "model.gguf"]


def test_a_missing_model_names_the_command_that_fetches_it(store: ModelStore) -> None:
    assert store.state("fake") == "missing"
    with pytest.raises(ModelMissing, match="countersign models pull fake"):
        store.path("fake")


def test_an_unknown_model_names_those_that_are_known(store: ModelStore) -> None:
    with pytest.raises(UnknownModel, match="known models: fake"):
        store.pull(["fack"])


def test_an_interrupted_pull_goes_on_with_the_parts_that_are_missing(store: ModelStore, wheels: Path) -> None:
    (wheels / "fake_part1-1.0-py3-none-any.whl").unlink()
    with pytest.raises(PullFailed, match="fake-part1"):
        store.pull(["fake"])
    assert store.state("fake") == "partial"
    part_wheel(wheels, 1)
    (wheels / "fake_part0-1.0-py3-none-any.whl").unlink()  # part 0 is here: it must not be asked for again
    store.pull(["fake"])
    assert store.path("fake").read_bytes() == b"".join(PARTS)


def test_a_second_pull_fetches_nothing(store: ModelStore, wheels: Path) -> None:
    store.pull(["fake"])
    for wheel in wheels.iterdir():
        wheel.unlink()
    store.pull(["fake"])
    assert store.state("fake") == "present"


@pytest.mark.parametrize(
    "content",
    [PARTS[1][:-1] + b"!", PARTS[1][:-1], PARTS[1] + b"!", b""],
    ids=["changed", "short", "long", "empty"],
)
def test_a_part_with_another_digest_is_refused_and_the_others_are_kept(
    store: ModelStore, wheels: Path, content: bytes
) -> None:
    part_wheel(wheels, 1, content)
    with pytest.raises(ModelDamaged, match=r"part\.bin from fake-part1==1\.0"):
        store.pull(["fake"])
    with pytest.raises(ModelMissing):
        store.path("fake")
    part_wheel(wheels, 1)
    (wheels / "fake_part0-1.0-py3-none-any.whl").unlink()
    store.pull(["fake"])
    store.verify("fake")


def test_right_parts_that_make_a_wrong_whole_are_refused(tmp_path: Path, wheels: Path) -> None:
    file = replace(spec().files[0], sha256=sha(b"something else"))
    store = ModelStore(tmp_path / "models", {"fake": replace(spec(), files=(file,))})
    with pytest.raises(ModelDamaged, match="manifest pins"):
        store.pull(["fake"])
    with pytest.raises(ModelMissing):
        store.path("fake")


def test_a_package_without_the_member_is_refused(store: ModelStore, wheels: Path) -> None:
    write_wheel(wheels, "fake-part2", {"data/other.bin": PARTS[2]})
    with pytest.raises(PullFailed, match="does not hold"):
        store.pull(["fake"])


def test_a_byte_changed_on_disk_is_found_and_only_its_part_is_fetched_again(store: ModelStore, wheels: Path) -> None:
    store.pull(["fake"])
    content = bytearray(store.path("fake").read_bytes())
    content[len(PARTS[0]) + 5] ^= 1
    store.path("fake").write_bytes(content)
    with pytest.raises(ModelDamaged, match="countersign models pull fake"):
        store.verify("fake")
    for index in (0, 2):
        (wheels / f"fake_part{index}-1.0-py3-none-any.whl").unlink()
    store.pull(["fake"])
    store.verify("fake")


def test_two_pulls_at_once_do_not_fight(store: ModelStore) -> None:
    errors: list[BaseException] = []

    def pull() -> None:
        try:
            store.pull(["fake"])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=pull) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    store.verify("fake")


def test_a_full_disk_is_noticed_before_anything_is_fetched(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = store_module.shutil.disk_usage(store.root.parent)._replace(free=1000)
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(NotEnoughSpace, match="COUNTERSIGN_MODELS_DIR"):
        store.pull(["fake"])
    assert list((store.root / "fake").glob("*.partial")) == []


def test_one_package_with_many_files_is_fetched_once(tmp_path: Path, wheels: Path) -> None:
    contents = {"config.json": b"{}", "deep/er/vectors": b"\0" * 5000}
    write_wheel(wheels, "fake-folder", contents)
    files = tuple(
        ModelFile(path, sha(content), len(content), (part,))
        for path, content in contents.items()
        for part in [Part("fake-folder", "1.0", f"fake_folder/{path}", sha(content), len(content))]
    )
    folder = replace(spec(), kind="ner", entry=".", files=files, digest=listing_digest(files))
    store = ModelStore(tmp_path / "models", {"fake": folder})
    store.pull(["fake"])
    assert folder.packages == ("fake-folder==1.0",)
    assert (store.path("fake") / "deep/er/vectors").read_bytes() == contents["deep/er/vectors"]


def archived(wheels: Path, contents: dict[str, bytes], broken: bytes = b"") -> ModelSpec:
    """A model whose files lie in one ZIP, which two packages carry in halves."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"inside/{name}", broken or content)
    data = whole.getvalue()
    halves = (data[:70], data[70:])
    for number, half in enumerate(halves):
        write_wheel(wheels, f"fake-half{number}", {f"all.zip.{number}": half})
    parts = tuple(
        Part(f"fake-half{number}", "1.0", f"fake_half{number}/all.zip.{number}", sha(half), len(half))
        for number, half in enumerate(halves)
    )
    files = tuple(ModelFile(name, sha(content), len(content), (), f"inside/{name}") for name, content in contents.items())
    whole_file = ModelFile("all.zip", sha(data), len(data), parts)
    return replace(spec(), entry=".", digest=listing_digest(files), files=files, archive=whole_file)


def test_an_archive_in_halves_is_joined_unpacked_and_dropped(tmp_path: Path, wheels: Path) -> None:
    contents = {"model.safetensors": b"weights" * 40, "config.json": b"{}"}
    store = ModelStore(tmp_path / "models", {"fake": archived(wheels, contents)})
    steps: list[tuple[str, int, int]] = []
    store.pull(["fake"], lambda *step: steps.append(step))
    store.verify("fake")
    assert {name: (store.path("fake") / name).read_bytes() for name in contents} == contents
    assert sorted(file.name for file in (store.root / "fake").iterdir()) == [".lock", "config.json", "model.safetensors"]
    assert steps[-1][1:] == (282, 282)
    for wheel in wheels.iterdir():
        wheel.unlink()
    store.pull(["fake"])  # nothing is fetched again


def test_a_file_of_an_archive_with_another_digest_is_refused(tmp_path: Path, wheels: Path) -> None:
    store = ModelStore(tmp_path / "models", {"fake": archived(wheels, {"config.json": b"{}"}, broken=b"[]")})
    with pytest.raises(ModelDamaged, match=r"config\.json"):
        store.pull(["fake"])
    assert store.state("fake") == "partial"


def test_the_manifest_pins_every_model_that_the_service_needs() -> None:
    manifest = load_manifest()
    assert {name: entry.kind for name, entry in manifest.items()} == {
        "qwen2.5-coder-1.5b-instruct": "chat",
        "smollm2-135m-instruct": "chat",
        "all-minilm-l6-v2": "encoder",
        "all-mpnet-base-v2": "encoder",
        "en-core-web-md": "ner",
    }
    qwen = manifest["qwen2.5-coder-1.5b-instruct"]
    assert len(qwen.packages) == 22
    assert qwen.digest == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    assert all(entry.licence for entry in manifest.values())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "chat"', 'kind = "chad"', "kind 'chad' is unknown"),
        ("size = 3", "size = 4", "do not add up"),
        ('path = "m.gguf"', 'path = "../m.gguf"', "outside"),
        ('use = "tests"', 'usage = "tests"', "field"),
        (f'digest = "{sha(b"abc")}"', 'digest = "00"', "neither"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused_by_name(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    good = f"""
[models."m"]
kind = "chat"
origin = "o"
licence = "CC0-1.0"
use = "tests"
prompt_format = "none"
context = 1
entry = "m.gguf"
digest = "{sha(b"abc")}"
[[models."m".files]]
path = "m.gguf"
sha256 = "{sha(b"abc")}"
size = 3
parts = [{{ package = "p", version = "1", member = "a", sha256 = "x", size = 3 }}]
"""
    path = tmp_path / "manifest.toml"
    path.write_text(good)
    assert load_manifest(path)["m"].size == 3
    assert old in good
    path.write_text(good.replace(old, new, 1))
    with pytest.raises(ManifestError, match=complaint):
        load_manifest(path)
