"""The bundle's signature: RFC 8032's vectors, minisign itself, and what must be refused."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.onprem.bundle.minisign import KeyUnusable, SecretKey, public_path
from deploy.onprem.install import verify
from deploy.onprem.install.verify import Refused, check_bundle, check_file, verify_ed25519

ORDER = 2**252 + 27742317777372353535851937790883648493
# RFC 8032, section 7.1, tests 1 to 3 and "SHA(abc)": public key, message, signature
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
        "2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
        "d9bef1177331a704",
    ),
]


@pytest.fixture(scope="module")
def key() -> SecretKey:
    return SecretKey.generate()


@pytest.fixture
def bundle(tmp_path: Path, key: SecretKey) -> Path:
    """Two files, their sums and a signature."""
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    (folder / "Makefile").write_text("help:\n")
    (folder / "wheels" / "a.whl").write_bytes(b"PK")
    lines = [f"{verify._sha256(folder / name)}  {name}\n" for name in ("Makefile", "wheels/a.whl")]
    (folder / "SHA256SUMS").write_text("".join(lines))
    key.sign(folder / "SHA256SUMS", "a bundle")
    return folder


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_standard_s_own_signatures_are_good(public: str, message: str, signature: str) -> None:
    found = [bytes.fromhex(text) for text in (public, message, signature)]
    assert verify_ed25519(*found)
    assert not verify_ed25519(found[0], found[1] + b"x", found[2])


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_a_signature_has_one_form_only(public: str, message: str, signature: str) -> None:
    raw = bytes.fromhex(signature)
    longer = (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")
    assert not verify_ed25519(bytes.fromhex(public), bytes.fromhex(message), raw[:32] + longer)


@settings(max_examples=30, deadline=None)
@given(message=st.binary(max_size=200), bit=st.integers(0, 511))
def test_what_another_library_signed_is_good_and_no_bit_of_it_may_change(message: bytes, bit: int) -> None:
    key = SecretKey(bytes(8), bytes(range(32)))
    signature = bytearray(key._key.sign(message))
    assert verify_ed25519(key.public.key, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify_ed25519(key.public.key, message, bytes(signature))


def test_a_bundle_is_good_as_it_was_signed(bundle: Path, key: SecretKey) -> None:
    assert check_bundle(key.public, bundle) == ("a bundle", 2)


def test_a_bundle_with_a_changed_missing_added_or_linked_file_is_refused(bundle: Path, key: SecretKey) -> None:
    wheel, text = bundle / "wheels" / "a.whl", bundle / "Makefile"
    wheel.write_bytes(b"PX")
    with pytest.raises(Refused, match=r"wheels/a.whl is not what was signed"):
        check_bundle(key.public, bundle)
    wheel.unlink()
    with pytest.raises(Refused, match=r"wheels/a.whl is missing"):
        check_bundle(key.public, bundle)
    wheel.symlink_to(text)
    with pytest.raises(Refused, match="is a link"):
        check_bundle(key.public, bundle)
    wheel.unlink()
    wheel.write_bytes(b"PK")
    (bundle / "sitecustomize.py").write_text("")
    with pytest.raises(Refused, match=r"sitecustomize.py is not in the signed list"):
        check_bundle(key.public, bundle)


def test_sums_comment_and_key_cannot_be_exchanged(bundle: Path, key: SecretKey) -> None:
    with pytest.raises(Refused, match="you trust"):
        check_bundle(SecretKey.generate().public, bundle)
    with pytest.raises(Refused, match="not what was signed"):  # another key under the trusted one's name
        check_bundle(SecretKey(key.name, bytes(32)).public, bundle)
    signature = bundle / "SHA256SUMS.minisig"
    signature.write_text(signature.read_text().replace("a bundle", "a newer bundle"))
    with pytest.raises(Refused, match="trusted comment"):
        check_bundle(key.public, bundle)
    key.sign(bundle / "SHA256SUMS", "a bundle")
    with (bundle / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  ../outside\n")
    with pytest.raises(Refused, match="not what was signed"):
        check_bundle(key.public, bundle)


def test_a_signed_list_may_not_point_outside_the_bundle(bundle: Path, key: SecretKey) -> None:
    (bundle / "SHA256SUMS").write_text(f"{'0' * 64}  ../outside\n")
    key.sign(bundle / "SHA256SUMS", "odd")
    with pytest.raises(Refused, match="line 1"):
        check_bundle(key.public, bundle)


@pytest.mark.process
def test_the_verifier_alone_says_so_with_its_exit_code(bundle: Path, key: SecretKey, tmp_path: Path) -> None:
    """Copied away from everything else, in isolated mode, without site-packages."""
    alone = tmp_path / "kept" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(verify.__file__, alone)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(alone), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    good = run(str(key.public), str(bundle))
    assert (good.returncode, good.stderr) == (0, "")
    assert key.public.fingerprint in good.stdout
    (bundle / "Makefile").write_text("help: # and more\n")
    bad = run(str(key.public), str(bundle))
    assert bad.returncode == 1
    assert "Makefile is not what was signed" in bad.stderr
    assert run(str(key.public), str(bundle / "SHA256SUMS")).returncode == 0
    assert run("RWnonsense", str(bundle)).returncode == 1
    assert run().returncode == 2


@pytest.mark.process
@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed (Debian: apt install minisign)")
def test_minisign_and_countersign_read_each_other(tmp_path: Path) -> None:
    def minisign(*arguments: str) -> int:
        return subprocess.run(["minisign", *arguments], cwd=tmp_path, capture_output=True, timeout=60).returncode

    (tmp_path / "file").write_bytes(b"content" * 1000)
    ours = SecretKey.generate()
    ours.save(tmp_path / "ours.key")
    ours.sign(tmp_path / "file", "ours")
    assert minisign("-Vm", "file", "-p", str(public_path(tmp_path / "ours.key"))) == 0
    assert minisign("-Vm", "file", "-P", str(SecretKey.generate().public)) != 0
    assert minisign("-Sm", "file", "-s", "ours.key", "-x", "file.minisig") == 0  # our secret key, minisign's signature
    assert check_file(ours.public, tmp_path / "file")

    assert minisign("-G", "-W", "-p", "theirs.pub", "-s", "theirs.key") == 0
    theirs = SecretKey.load(tmp_path / "theirs.key")
    assert theirs.public == verify.read_key(str(tmp_path / "theirs.pub"))
    theirs.sign(tmp_path / "file", "theirs")
    assert minisign("-Vm", "file", "-p", "theirs.pub") == 0


@pytest.mark.process
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_alone_can_verify_a_signature(bundle: Path, key: SecretKey, tmp_path: Path) -> None:
    """As docs/deployment.md shows it to who has neither Python nor minisign on the receiving machine."""
    signed = bundle / "SHA256SUMS"
    blob = base64.b64decode(signed.with_name("SHA256SUMS.minisig").read_text().splitlines()[1])
    (tmp_path / "signature").write_bytes(blob[10:])
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(str(key.public))[10:])
    digest = subprocess.run(["openssl", "dgst", "-blake2b512", "-binary", signed], capture_output=True, check=True)
    (tmp_path / "digest").write_bytes(digest.stdout)
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in digest -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_secret_key_that_others_may_read_or_that_needs_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bundle.key"
    SecretKey.generate().save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        SecretKey.load(path)
    path.chmod(0o600)
    comment, blob = path.read_text().splitlines()
    raw = bytearray(base64.b64decode(blob))
    raw[2:4] = b"Sc"
    path.write_text(f"{comment}\n{base64.b64encode(raw).decode()}\n")
    with pytest.raises(KeyUnusable, match="password"):
        SecretKey.load(path)
