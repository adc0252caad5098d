"""What `show_config` prints."""

from __future__ import annotations

import pytest

import backstory as bs


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    bs.show_config()
    return {line[:15].strip(): line[17:] for line in capsys.readouterr().out.splitlines()}


def test_it_names_version_instruction_set_threads_and_parts(capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys)
    assert shown["backstory"].startswith(f"{bs.__version__} on Python 3.")
    assert shown["instruction set"].split()[0] in ("baseline", "avx2", "avx512")
    assert int(shown["threads"].split()[0]) >= 1
    assert {"numpy", "pyarrow", "torch", "matplotlib"} <= set(shown)


def test_a_forced_instruction_set_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from backstory.engine.native import native_module

    monkeypatch.setenv("BACKSTORY_ISA", "baseline")
    native_module.cache_clear()
    try:
        assert lines(capsys)["instruction set"] == "baseline (set by BACKSTORY_ISA)"
        monkeypatch.setenv("BACKSTORY_ISA", "mmx")
        native_module.cache_clear()
        assert lines(capsys)["instruction set"].startswith("none: Unknown instruction set in BACKSTORY_ISA 'mmx'.")
    finally:
        native_module.cache_clear()


def test_what_is_not_installed_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    installed = metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    assert lines(capsys)["torch"] == "not installed - optional, for from_torch (extra 'torch')"
