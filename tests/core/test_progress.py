import subprocess
import sys

import numpy as np
import pytest

import sparsela
from sparsela._core.progress import iterate, progress_bar


def test_counts_from_one_to_max_iter():
    assert [state.n_iter for state in iterate(4, "count")] == [1, 2, 3, 4]
    assert list(iterate(0, "count")) == []


def test_history_holds_the_scalars_and_nothing_else():
    for state in iterate(5, "method", return_history=True):
        state.record(x=np.zeros(3), residual_norm=np.float32(1 / state.n_iter), n_matvec=2 * state.n_iter)
    assert sorted(state.history) == ["n_matvec", "residual_norm"]
    assert state.history["residual_norm"].dtype == np.float32
    np.testing.assert_allclose(state.history["residual_norm"], 1 / np.arange(1, 6), rtol=1e-6)
    assert state.history["n_matvec"].tolist() == [2, 4, 6, 8, 10]
    assert state.x.shape == (3,)


def test_no_history_unless_asked_for():
    for state in iterate(2, "method"):
        state.record(residual_norm=1.0)
    assert state.history is None


@pytest.mark.parametrize(
    ("answer", "stops"), [(True, True), (np.True_, True), (1, True), (None, False), (False, False)]
)
def test_callback_stops_only_on_true(answer, stops):
    seen = []

    def callback(state):
        seen.append((state.n_iter, state.residual_norm))
        return answer

    for state in iterate(3, "method", callback=callback):
        if state.record(residual_norm=1.5).stop:
            break
    assert state.stop is stops
    assert seen == [(1, 1.5)] if stops else seen == [(1, 1.5), (2, 1.5), (3, 1.5)]


def test_silent_by_default_and_a_bar_when_verbose(capsys):
    for state in iterate(3, "quiet"):
        state.record(residual_norm=0.5)
    assert capsys.readouterr() == ("", "")
    for state in iterate(3, "loud", verbose=1):
        state.record(residual_norm=0.5, x=np.zeros(4))
    out, err = capsys.readouterr()
    assert out == ""
    assert "loud" in err and "3/3" in err and "residual_norm=0.5" in err


def test_verbose_2_adds_a_line_a_step(capsys):
    for state in iterate(2, "details", verbose=2):
        state.record(residual_norm=0.25)
    assert "details 2: residual_norm=0.25" in "".join(capsys.readouterr())


def test_verbose_none_is_the_setting_of_the_library(capsys):
    with sparsela.config_context(verbose=1):
        for _ in iterate(2, "by setting", verbose=None):
            pass
        with progress_bar(7, "blocks", "signals", None) as bar:
            bar.update(7)
    err = capsys.readouterr().err
    assert "by setting" in err and "7/7" in err and "signals" in err


@pytest.mark.parametrize("verbose", [0, 1])
def test_interrupt_passes_through_and_closes_the_bar(verbose, capsys):
    from tqdm.auto import tqdm

    def loop():
        for state in iterate(100, "long", verbose=verbose):
            if state.n_iter == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert not tqdm._instances  # a bar that is open is listed there
    with pytest.raises(KeyboardInterrupt), progress_bar(10, "batch", "signals", verbose):
        raise KeyboardInterrupt
    assert not tqdm._instances


def test_break_closes_the_bar(capsys):
    from tqdm.auto import tqdm

    for _ in iterate(100, "long", verbose=1):
        break
    assert not tqdm._instances


@pytest.mark.parametrize("verbose", [3, -1, "yes"])
def test_bad_verbose(verbose):
    with pytest.raises(ValueError, match=f"verbose must be 0, 1, 2 or None, got {verbose!r}"):
        next(iterate(1, "method", verbose=verbose))


def test_bad_callback():
    with pytest.raises(TypeError, match="callback must be a callable that takes the state, or None, got int"):
        next(iterate(1, "method", callback=3))


def test_tqdm_is_not_imported_until_a_bar_is_shown():
    code = (
        "import sys, sparsela\nfrom sparsela._core.progress import iterate\nlist(iterate(2, 'x'))\n"
        "sys.exit('tqdm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
