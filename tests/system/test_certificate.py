"""The dates of certificates, as ``openssl`` made them and told them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gunicorn.system import certificate

DAY = 86400.0


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("certificate"), "90")


def make(directory: Path, days: str, *more: str) -> bytes:
    path = directory / "made.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=shop.test", "-keyout", str(directory / "key.pem"),
         "-out", str(path), "-days", days, *more],
        check=True, capture_output=True,
    )  # fmt: skip
    return path.read_bytes()


def end_by_openssl(pem: bytes, tmp_path: Path) -> str:
    (tmp_path / "one.pem").write_bytes(pem)
    words = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"]
    shown = subprocess.run(
        [*words, "-in", str(tmp_path / "one.pem")], check=True, capture_output=True, text=True
    ).stdout
    return shown.strip().removeprefix("notAfter=")


def test_the_dates_are_those_that_openssl_shows(pem: bytes, tmp_path: Path) -> None:
    [one] = certificate.read_validities(pem)
    assert one.end - one.begin == 90 * DAY
    found = certificate.trouble(pem, one.end)
    assert found is not None
    assert f"expired on {end_by_openssl(pem, tmp_path)[:16]} UTC" in found.text


def test_a_date_after_2049_is_written_another_way(tmp_path: Path) -> None:
    [one] = certificate.read_validities(make(tmp_path, "36500"))
    assert one.end - one.begin == 36500 * DAY


@pytest.mark.parametrize(
    ("before_end", "is_now", "words"),
    [
        (20 * DAY, None, ""),
        (8 * DAY, False, "in 8 days"),
        (1.5 * DAY, False, "in 36 hours"),
        (0, True, ": clients refuse it"),
        (-5 * DAY, True, "the certificate expired on "),
        (91 * DAY, True, "is not valid before "),
    ],
)
def test_what_is_said_when(pem: bytes, before_end: float, is_now: bool | None, words: str) -> None:
    found = certificate.trouble(pem, certificate.read_validities(pem)[0].end - before_end)
    assert (None if found is None else found.is_now) is is_now
    assert found is None or words in found.text


def test_a_short_life_is_near_its_end_only_in_its_last_tenth() -> None:
    six_days = certificate.Validity(0.0, 6 * DAY)
    assert six_days.notice == pytest.approx(5.4 * DAY)
    assert certificate.Validity(0.0, 365 * DAY).notice == 351 * DAY


def test_the_chain_counts_too(pem: bytes, tmp_path: Path) -> None:
    longer = make(tmp_path, "900")
    end = certificate.read_validities(pem)[0].end
    found = certificate.trouble(longer + pem, end)
    assert found is not None
    assert found.text.startswith("certificate 2 of 2 in it expired")


def test_every_cut_is_an_error_and_none_a_guess(pem: bytes) -> None:
    import binascii
    import ssl

    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    good = certificate.read_validities(pem)
    for length in range(len(der)):
        text = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"
        with pytest.raises(ValueError, match=r"it is|its dates"):
            certificate.read_validities(text % binascii.b2a_base64(der[:length]))
    assert certificate.read_validities(text % binascii.b2a_base64(der)) == good


@pytest.mark.parametrize("data", [b"", b"-----BEGIN CERTIFICATE-----\n!!!!\n", b"\x30\x82"])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        certificate.read_validities(data)
