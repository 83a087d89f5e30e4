"""What an adaptation finds is what speaks: offsets and colour, kept, packed, applied; against sums of numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voicekit.engines.enrolled import VoiceFile, _shift, offset_places, pack_voice, unpack_voice
from voicekit.engines.house import VoiceSettings, coloured
from voicekit.enrol import adapt
from voicekit.enrol.adapt import Adapted, Embedder, measure_settings
from voicekit.errors import InputError
from voicekit.models.acoustic import Acoustic, AcousticConfig
from voicekit.train.prepare import Example

NEPER_TOL = 2e-2  # half precision of the file


def example(seed: int = 0, frames: int = 240) -> Example:
    """Noise where an envelope would be; what is tested is bookkeeping, not sound."""
    draw = np.random.default_rng(seed)
    phones = np.zeros((12, 4), dtype=np.int16)
    phones[:, 0] = draw.integers(2, 20, 12)
    return Example(
        key=f"x#{seed}",
        speaker="speaker",
        bandwidth_hz=7_600.0,
        audio=np.zeros(0, dtype=np.int16),
        f0_hz=np.where(draw.random(frames) > 0.3, 140.0 + 10 * draw.random(frames), 0.0).astype(np.float32),
        envelope=(-3.0 + draw.standard_normal((frames, 80)) + 0.02 * np.arange(80)).astype(np.float16),
        phones=phones,
        durations=np.full(12, frames // 12, dtype=np.int32),
    )


@pytest.fixture
def model() -> Acoustic:
    torch.manual_seed(3)
    return Acoustic(AcousticConfig(n_speakers=1, decoder_channels=32, encoder_channels=32, melody_channels=16))


def searched(model: Acoustic, steps: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Embedder, Adapted]:
    monkeypatch.setattr(adapt, "STEPS", steps)
    search = Embedder(model, [example(0), example(1)], [torch.zeros(64)])
    return search, search.run(search.begin(), lambda _state, _share: None)


def test_offsets_are_found_and_say_the_same_in_a_fresh_model(model: Acoustic, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Acoustic(model.config)
    fresh.load_state_dict(model.state_dict())
    search, state = searched(model, 6, monkeypatch)
    assert set(state.offsets) == {name for name, _bias in offset_places(model)} and len(state.offsets) == 6
    assert all(float(one.abs().max()) > 0 for one in state.offsets.values())
    assert np.mean(state.losses[-2:]) < state.losses[0]
    settings = VoiceSettings(0.0, (-1.0, 1.0))
    data = pack_voice(VoiceFile(state.embedding, settings, {}, state.offsets, torch.ones(2, 80)))
    voice = unpack_voice(data, "x")
    assert voice.settings == settings and voice.colour is not None and not voice.low_rank
    _shift(fresh, voice.offsets, "x")
    spread, octaves, vuv = torch.randn(1, 35, 50), torch.zeros(1, 50), torch.ones(1, 50)
    with torch.no_grad():
        one = search.model.decode(spread, octaves, vuv, state.embedding[None])
        two = fresh.eval().decode(spread, octaves, vuv, voice.embedding[None])
    assert float((one - two).abs().max()) < NEPER_TOL


def test_kept_and_taken_up_again(model: Acoustic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that was stopped half way, on a fresh model, ends where the whole one ends."""
    start = {name: value.clone() for name, value in model.state_dict().items()}
    _search, whole = searched(model, 10, monkeypatch)
    model.load_state_dict(start)
    kept: list[bytes] = []

    class StopError(Exception):
        pass

    def keep(state: Adapted, share: float) -> None:
        kept.append(state.to_bytes())
        raise StopError

    monkeypatch.setattr(adapt, "STEPS", 20)
    search = Embedder(model, [example(0), example(1)], [torch.zeros(64)])
    with pytest.raises(StopError):
        search.run(search.begin(), keep)
    model.load_state_dict(start)
    half = Adapted.from_bytes(kept[0])
    assert half.step == 10 and set(half.offsets) == set(whole.offsets)
    again = Embedder(model, [example(0), example(1)], [torch.zeros(64)])
    ended = again.run(half, lambda _state, _share: None)
    model.load_state_dict(start)
    _search, straight = searched(model, 20, monkeypatch)
    assert torch.allclose(ended.embedding, straight.embedding, atol=1e-5)
    for name, offset in straight.offsets.items():
        assert torch.allclose(ended.offsets[name], offset, atol=1e-5), name


def test_the_model_without_them_is_the_model(model: Acoustic, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {name: bias.detach().clone() for name, bias in offset_places(model)}
    search, _state = searched(model, 3, monkeypatch)
    search.apply(Adapted(torch.zeros(64)))
    assert all(torch.equal(bias, plain[name]) for name, bias in offset_places(model))


def test_a_colour_gives_each_band_the_mean_and_movement_that_were_recorded(
    model: Acoustic, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(5)
    made = -3.0 + 0.5 * draw.standard_normal((400, 80)) + 0.01 * np.arange(80)
    recorded = (made[:, :60] - made[:, :60].mean(0)) * 1.2 + made[:, :60].mean(0) + 0.4
    colour = adapt._colour(torch.tensor(made).float(), torch.tensor(recorded).float())
    after = coloured(torch.tensor(made).float()[None], colour)[0].numpy()
    assert np.allclose(after[:, :60].mean(0), recorded.mean(0), atol=1e-3)
    assert np.allclose(after[:, :60].std(0), recorded.std(0), atol=1e-2)
    assert np.allclose(after[:, 60:], made[:, 60:] + 0.4, atol=1e-3)  # what was not recorded is only as strong
    far = adapt._colour(torch.tensor(made).float(), torch.tensor(recorded + 9.0).float())
    moved = coloured(torch.tensor(made).float()[None], far)[0].numpy().mean(0) - made.mean(0)
    assert np.allclose(moved, adapt.MOST_SHIFT, atol=1e-3)
    _search, state = searched(model, 2, monkeypatch)
    _settings, measured, _numbers = measure_settings(_search, state.embedding)
    assert measured.shape == (2, 80) and bool(torch.isfinite(measured).all())


def test_offsets_of_another_model_are_refused(model: Acoustic) -> None:
    with pytest.raises(InputError, match="do not fit the model"):
        _shift(model, {"decoder_in": torch.zeros(5)}, "ada")
    with pytest.raises(InputError, match="do not fit the model"):
        _shift(model, {"encoder": torch.zeros(32)}, "ada")


def test_little_speech_gets_a_small_low_rank_part_and_much_a_larger() -> None:
    plans = [adapt.rank_plan(seconds) for seconds in (0.0, 15.0, 60.0, 240.0, 480.0, 3_600.0)]
    assert plans[0] == plans[1] == (4, 60) and plans[-1] == plans[-2] == (8, 400)
    assert plans == sorted(plans)
