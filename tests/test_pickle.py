"""Model files are data. A pickle that would run code is fed to everything that reads weights or training data.

The bomb writes a file when it is unpickled; that it would is checked first, so that the tests cannot pass by a dud.
"""

from __future__ import annotations

import ast
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from voicekit.errors import InputError

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("voicekit", "consent", "demos")


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.mark,))


def plain(mark: Path) -> bytes:
    return pickle.dumps({"model": Bomb(mark), "average": Bomb(mark)}, protocol=2)


def torch_zip(mark: Path) -> bytes:
    """As torch.save writes it: a zip archive with data.pkl."""
    out = io.BytesIO()
    torch.save({"model": Bomb(mark), "average": Bomb(mark)}, out)
    return out.getvalue()


def torch_legacy(mark: Path) -> bytes:
    out = io.BytesIO()
    torch.save({"average": Bomb(mark)}, out, _use_new_zipfile_serialization=False)
    return out.getvalue()


def npz(mark: Path) -> bytes:
    array = np.empty(1, dtype=object)
    array[0] = Bomb(mark)
    out = io.BytesIO()
    np.savez(out, key=array, speaker=array, audio=array)
    return out.getvalue()


def safetensors_then_pickle(mark: Path) -> bytes:
    head = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(head).to_bytes(8, "little") + head + b"\0\0\0\0" + plain(mark)


BOMBS = {
    "plain pickle": plain,
    "torch zip": torch_zip,
    "torch legacy": torch_legacy,
    "npz of objects": npz,
    "safetensors with a pickle behind": safetensors_then_pickle,
}


def as_weights(path: Path) -> None:
    from voicekit.models.weights import read_weights

    read_weights(path)


def as_state(path: Path) -> None:
    from voicekit.train.loop import read_state

    read_state(path)


def as_packed(path: Path) -> None:
    from voicekit.train.pack import averaged

    path.rename(path.with_name("state.pt"))
    averaged(path.parent)


def as_examples(path: Path) -> None:
    from voicekit.train.prepare import load_all

    path.rename(path.with_suffix(".npz"))
    if not load_all(path.parent):
        raise AssertionError("nothing was read")


LOADERS = {
    "read_weights .safetensors": (as_weights, "voice.safetensors"),
    "read_weights .pt": (as_weights, "voice.pt"),
    "read_weights .pth": (as_weights, "voice.pth"),
    "read_state .pt": (as_state, "state.pt"),
    "read_state .pth": (as_state, "state.pth"),
    "pack": (as_packed, "average.pt"),
    "examples": (as_examples, "one.safetensors"),
}


@pytest.mark.parametrize("bomb", [name for name in BOMBS if name != "safetensors with a pickle behind"])
def test_the_bombs_are_live(bomb: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    data = BOMBS[bomb](mark)
    if bomb == "npz of objects":
        np.load(io.BytesIO(data), allow_pickle=True)["key"]
    elif bomb == "plain pickle":
        pickle.loads(data)
    else:
        torch.load(io.BytesIO(data), weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("loader", LOADERS)
def test_no_loader_runs_what_a_file_says(loader: str, bomb: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    load, name = LOADERS[loader]
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(BOMBS[bomb](mark))
    with pytest.raises(InputError):
        load(folder / name)
    assert not mark.exists()


def test_a_voice_folder_of_bombs_is_refused(tmp_path: Path) -> None:
    """The whole way: the studio's engine on a voice whose weights are a pickle."""
    from voicekit.engines.house import HouseEngine
    from voicekit.engines.voices import list_voices, read_voice

    (shipped, *_) = list_voices()
    mark = tmp_path / "mark"
    (tmp_path / "v" / "bad").mkdir(parents=True)
    (tmp_path / "v" / "_model").mkdir()
    for source in (*shipped.folder.glob("*.toml"), *shipped.folder.glob("*.json")):
        (tmp_path / "v" / "bad" / source.name).write_bytes(source.read_bytes())
    info = read_voice(tmp_path / "v" / "bad")
    for path in info.weights:
        path.write_bytes(torch_zip(mark))
    with pytest.raises(InputError, match="not a safetensors file"):
        HouseEngine(info)
    assert not mark.exists()


def calls() -> Iterator[tuple[str, ast.Call]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.relative_to(ROOT).as_posix(), node


def constant(call: ast.Call, name: str) -> object:
    return next((k.value.value for k in call.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


def test_no_code_unpickles() -> None:
    banned = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    wrong = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                where = f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Import) and any(a.name.partition(".")[0] in banned for a in node.names):
                    wrong.append(where)
                # The name of an error that torch raises may be imported, a loader may not.
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in banned:
                    wrong += [where for a in node.names if a.name != "UnpicklingError"]
    assert wrong == []


def test_both_torch_loads_read_tensors_alone() -> None:
    """Unavoidable: a training run's own state holds the optimiser's, for which safetensors has no form; and what stands
    in a WavLM file is looked at before coqui-tts reads it."""
    loads = [(name, call) for name, call in calls() if ast.unparse(call.func) in ("torch.load", "torch.jit.load")]
    assert sorted(name for name, _ in loads) == ["voicekit/engines/coqui.py", "voicekit/train/loop.py"]
    assert all(constant(call, "weights_only") is True for _, call in loads)
    arrays = [(name, call) for name, call in calls() if ast.unparse(call.func) in ("np.load", "numpy.load")]
    assert arrays and all(constant(call, "allow_pickle") is False for _, call in arrays)
    others = ("torch.hub.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "torch.package.PackageImporter")
    assert [f"{name}: {ast.unparse(call.func)}" for name, call in calls() if ast.unparse(call.func) in others] == []


def test_a_zip_bomb_of_a_state_is_no_state(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "state.pt", "w") as archive:
        archive.writestr("state/data.pkl", plain(tmp_path / "mark"))
        archive.writestr("state/version", "3\n")
    with pytest.raises(InputError):
        as_state(tmp_path / "state.pt")
    assert not (tmp_path / "mark").exists()


def test_yaml_is_read_by_a_safe_loader() -> None:
    loads = [(name, call) for name, call in calls() if ast.unparse(call.func) in ("yaml.load", "yaml.load_all")]
    assert {name for name, _ in loads} == {"voicekit/score/ustx.py"}
    from voicekit.score import ustx

    assert ustx._LOADER.__name__ in ("SafeLoader", "CSafeLoader")
    assert all(ast.unparse(keyword.value) == "_LOADER" for _, call in loads for keyword in call.keywords)
    assert all([keyword.arg for keyword in call.keywords] == ["Loader"] for _, call in loads)
