"""`unseen verify` and `unseen verify-key` against the real server: what holds, and every word that can be changed."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from tests.installations import install, make_folder, new_sqlite, serving

from unseen import Client, NotFound, cli, kept, opened, receipts
from unseen.errors import DamagedFile, UnusablePredictions
from unseen.records import ChainLink
from unseen_server.config import Config
from unseen_server.services import launching, rescore, reveal
from unseen_server.services.principals import SERVER


@pytest.fixture
def name():
    return f"student{uuid4().hex[:12]}"


@pytest.fixture
def unseen(live, name, tmp_path, monkeypatch, capsys):
    """The command as the student runs it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNSEEN_URL", live.url)

    def run(*args, stdin=""):
        monkeypatch.setenv("UNSEEN_TOKEN", live.token(name))
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = cli.run(list(args))
        told = capsys.readouterr()
        return SimpleNamespace(code=code, stdout=told.out, stderr=told.err)

    return run


@pytest.fixture
def sent(unseen, live, tmp_path):
    """A submission, its file, and its receipt beside it."""
    file = tmp_path / "p.csv"
    file.write_bytes((live.bundle / "sample_submission.csv").read_bytes())
    done = unseen("submit", "p.csv", live.slug, "--format", "json")
    assert done.code == 0, done.stderr
    (tmp_path / "receipt.json").write_text(done.stdout)
    return json.loads(done.stdout)


def changed(tmp_path, **words):
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    (tmp_path / "changed.json").write_text(json.dumps({**receipt, **words}))
    return "changed.json"


def test_a_receipt_holds_with_its_file_and_its_chain(unseen, sent):
    done = unseen("verify", "receipt.json", "--file", "p.csv", "--online")
    assert done.code == 0, done.stdout + done.stderr
    assert "The receipt is genuine." in done.stdout
    assert "score and rank in it are not signed" in done.stdout
    assert done.stdout.count("  ok   ") == 4


def test_a_receipt_holds_without_asking_anybody(unseen, sent, monkeypatch):
    monkeypatch.setattr("unseen.wire.Wire.send", lambda *_, **__: pytest.fail("something was sent"))
    assert unseen("verify", "receipt.json", "--file", "p.csv").code == 0


def test_a_receipt_holds_in_python_too(sent, live, name, tmp_path):
    with Client(live.url, live.token(name)) as client:
        findings = client.verify(client.receipt(sent["ref"]), tmp_path / "p.csv")
    assert [finding.ok for finding in findings] == [True] * 4


def test_a_receipt_can_be_fetched_again(unseen, sent, tmp_path):
    done = unseen("receipt", str(sent["ref"]), "-o", "again.json")
    assert (done.code, done.stdout) == (0, "again.json\n")
    again = json.loads((tmp_path / "again.json").read_text())
    assert {**again, "replayed": False, "private_score": None} == sent
    assert unseen("verify", "again.json").code == 0
    assert json.loads(unseen("receipt", str(sent["ref"]), "-o", "-").stdout) == again


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(("competition", "concrete"), ("ref", 99), ("sha256", "ab" * 32), ("team_number", 99)),
        *(("submitted_at", "2026-01-01T00:00:00Z"), ("seal", "ab" * 32), ("seal", None), ("previous_link", "ab" * 32)),
        *(("link", "ab" * 32), ("signature", "ab" * 64), ("key_id", "ab" * 8)),
    ],
)
def test_no_word_that_is_signed_can_be_changed(unseen, sent, tmp_path, word, value):
    done = unseen("verify", changed(tmp_path, **{word: value}))
    assert done.code == 1
    assert "genuine" not in done.stdout


def test_another_file_is_noticed(unseen, sent, tmp_path):
    (tmp_path / "other.csv").write_bytes((tmp_path / "p.csv").read_bytes() + b"\n")
    done = unseen("verify", "receipt.json", "--file", "other.csv")
    assert done.code == 1
    assert "is another one" in done.stdout
    assert "genuine, but NOT for this file" in done.stdout


def test_a_key_in_the_receipt_is_not_believed(unseen, sent, tmp_path, own_settings):
    (own_settings / "published.json").unlink()
    done = unseen("verify", changed(tmp_path, public_key="ab" * 32))
    assert done.code == 1
    assert "not kept on this computer" in done.stderr


def test_a_key_that_was_got_elsewhere_takes_its_place(unseen, sent, live, tmp_path, own_settings):
    [key] = kept.keys(live.url)
    (own_settings / "published.json").unlink()
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [{"key_id": "x", "public_key": key.value}]}))
    for given in (key.value, "keys.json"):
        assert unseen("verify", "receipt.json", "--key", given).code == 0
    assert unseen("verify", "receipt.json", "--key", "d7" + "5a" * 31).code == 1
    assert unseen("verify", "receipt.json", "--key", "nonsense").code == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ref": 1}', '{"sha256": "ab", "signature": "cd"}'])
def test_what_is_no_receipt_is_a_sentence(unseen, tmp_path, content):
    (tmp_path / "receipt.json").write_text(content)
    done = unseen("verify", "receipt.json")
    assert done.code == 1
    assert "receipt" in done.stderr


@pytest.fixture
def signed(tmp_path, own_settings, capsys):
    """A receipt that was signed here, with any words changed; its key was never kept."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw().hex()

    def sign(**words):
        at = "2026-11-23T04:00:00+00:00"
        receipt = {"competition": "lecture", "ref": 1, "sha256": "ab" * 32, "submitted_at": at, "team_number": 1}
        receipt |= {"seal": None, "previous_link": receipts.START, "link": receipts.START, "signature": "0" * 128}
        receipt |= {"key_id": receipts.key_id(public)}
        receipt |= {"link": receipts.digest("unseen link 1", receipts.START, receipts.proof(receipt).entry)}
        receipt |= {"signature": key.sign(receipts.proof(receipt).signed_text.encode()).hex()}
        (tmp_path / "receipt.json").write_text(json.dumps({**receipt, **words}))

    def verify(given):
        code = cli.run(["verify", str(tmp_path / "receipt.json"), "--key", given])
        return code, capsys.readouterr()

    return SimpleNamespace(public=public, sign=sign, verify=verify)


def test_of_several_keys_the_one_that_the_receipt_names_counts(signed, tmp_path):
    signed.sign()
    keys = {"keys": [{"public_key": "d7" + "5a" * 31}, {"public_key": signed.public}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    code, told = signed.verify(str(tmp_path / "keys.json"))
    assert code == 0, told.out
    assert signed.verify(json.dumps(keys) * 9)[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        *({"ref": ref} for ref in (True, 1.9, float("inf"), "1", "\N{FULLWIDTH DIGIT ONE}", -1, None)),
        *({"submitted_at": f"{day}T00:00:00{zone}"} for day, zone in (("0001-01-01", "+23:59"), ("2026-11-23", ""))),
        *({"competition": slug} for slug in ("lecture\n", "lecture\n1", "l\N{CYRILLIC SMALL LETTER IE}cture")),
        *({"sha256": "AB" * 32}, {"team_number": "1"}, {"seal": ""}, {"link": "ab\n" + "ab" * 31}),
    ],
    ids=str,
)
def test_every_word_has_one_spelling_only(signed, words):
    signed.sign(**words)
    code, told = signed.verify(signed.public)
    assert code == 1
    assert "not a whole receipt" in told.err


@pytest.mark.parametrize("key", [b"\xff\xfe\x00", b"[" * 100_000, b'{"keys": 1}'], ids=["bytes", "deep", "no list"])
def test_what_is_no_key_is_a_sentence(signed, tmp_path, key):
    signed.sign()
    (tmp_path / "a.key").write_bytes(key)
    code, told = signed.verify(str(tmp_path / "a.key"))
    assert code == 1
    assert "64 hexadecimal digits" in told.err


def test_a_receipt_too_deep_to_be_one_is_a_sentence(signed, tmp_path):
    (tmp_path / "receipt.json").write_text("[" * 100_000)
    assert "holds no JSON" in signed.verify(signed.public)[1].err


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"http://x": 1}', '{"http://x": {"keys": []}}', '{"x": {"seals": [1]}}']
)
def test_what_was_kept_is_never_replaced_because_it_was_damaged(own_settings, content):
    own_settings.mkdir()
    (own_settings / "published.json").write_text(content)
    with pytest.raises(DamagedFile):
        kept.keys()
    with pytest.raises(DamagedFile):
        kept.keep_keys("http://x", ["ab" * 32])
    assert (own_settings / "published.json").read_text() == content


def test_wrong_usage_exits_2(unseen):
    assert unseen("verify", "nowhere.json").code == 2
    assert unseen("receipt", "none").code == 2


def test_programs_get_json(unseen, sent):
    told = json.loads(unseen("verify", "receipt.json", "--format", "json").stdout)
    assert told["genuine"] is True
    assert [one["ok"] for one in told["findings"]] == [True, True, None, None]


def test_a_chain_in_which_anything_was_changed_is_noticed(live, unseen, sent, name):
    with Client(live.url, live.token(name)) as client:
        client.submit(live.slug, live.bundle / "sample_submission.csv")
        chain, receipt = client.chain(live.slug), receipts.proof(sent)
    keys = kept.keys(live.url)

    def place(links, head=chain.head):
        *_, found = receipts.check(receipt, keys, chain=replace(chain, links=tuple(links), head=head))
        return found.ok, found.said

    links = list(chain.links)
    own = next(n for n, link in enumerate(links) if link.ref == receipt.ref)
    assert place(links)[0]
    forged = ChainLink(ref=receipt.ref, entry="ab" * 32, link=links[own].link)
    assert "broken" in place([*links[:own], forged, *links[own + 1 :]])[1]
    assert "broken" in place(links[:own] + links[own + 1 :])[1]
    assert "broken" in place(links[:-1])[1]
    assert "broken" in place([links[0], *links])[1]
    assert "broken" in place([replace(links[0], ref=links[-1].ref + 1), *links[1:]])[1]
    assert place([*links[:own]], links[own - 1].link if own else receipts.START) == (
        False,
        f"has no submission {receipt.ref}: it was dropped",
    )
    anew, before = [], receipts.START  # whoever has the database can link everything anew, but not under the receipt
    for link in [*links[:own], forged, *links[own + 1 :]]:
        before = receipts.digest("unseen link 1", before, link.entry)
        anew.append(ChainLink(ref=link.ref, entry=link.entry, link=before))
    assert "another submission" in place(anew, before)[1]


def test_a_log_in_keeps_the_key(unseen, live, name):
    assert unseen("login", live.url).code == 0
    with Client(live.url, live.token(name)) as client:
        assert [key.value for key in kept.keys(live.url)] == [key.public_key for key in client.receipt_keys()]


def test_a_download_keeps_the_seal_and_nothing_replaces_it(unseen, live):
    assert unseen("download", live.slug, "-q").code == 0
    [seal] = kept.seals(live.slug, live.url)
    kept.keep_seals(live.url, live.slug, ["ab" * 32])
    assert [one.value for one in kept.seals(live.slug)] == [seal.value, "ab" * 32]


def test_a_new_key_is_kept_beside_the_old_one_and_told(unseen, live, sent, own_settings, caplog):
    published = json.loads((own_settings / "published.json").read_text())
    published[live.url]["keys"] = {"ab" * 32: "2026-01-01"}
    (own_settings / "published.json").write_text(json.dumps(published))
    assert unseen("submit", "p.csv", live.slug, "--quiet").code == 0
    assert "new key" in caplog.text
    assert len(kept.keys(live.url)) == 2


def test_starting_imports_no_cryptography():
    code = "import sys; from unseen import cli; cli.run(['--help']); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "cryptography" not in modules


# the opened key


@pytest.fixture
def ended(tmp_path, sqlite_template):
    """A competition of its own, to be ended."""
    now, home = datetime.now(UTC), tmp_path / "server"
    folder = make_folder(home, now=now)
    with new_sqlite(home, sqlite_template) as url:
        made = install(Config(home=home, database_url=url), folder, now=now)
        with serving(made, processes=1) as server:
            yield server
        made.close()


def end(server):
    place = {"slug": server.slug, "principal": SERVER, "now": datetime.now(UTC)}
    launching.close(server.installation.db, **place)
    reveal.reveal(server.installation.db, **place)


@pytest.fixture
def alice(ended, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNSEEN_URL", ended.url)
    monkeypatch.setenv("UNSEEN_TOKEN", ended.token("alice"))

    def run(*args):
        capsys.readouterr()
        code = cli.run(list(args))
        told = capsys.readouterr()
        return SimpleNamespace(code=code, stdout=told.out, stderr=told.err)

    return run


@pytest.mark.slow
def test_the_opened_key_is_held_against_the_seal_that_was_kept(alice, ended, tmp_path, own_settings):
    slug, made = ended.slug, ended.installation
    (tmp_path / "p.csv").write_bytes(made.noisy(3.0))
    receipt = alice("submit", "p.csv", slug, "--format", "json").stdout
    (tmp_path / "receipt.json").write_text(receipt)
    before = alice("verify-key", slug)
    assert (before.code, "revealed" in before.stderr) == (1, True)
    end(ended)

    done = alice("verify-key", slug, "-o", "key.csv", "--score", "p.csv")
    assert done.code == 0, done.stdout + done.stderr
    with Client(ended.url, ended.token("alice")) as client:
        [own] = client.submissions(slug)
        seal = client.competition(slug).seals[0].seal
        assert client.opened_key(slug) == (tmp_path / "key.csv").read_bytes()
        with pytest.raises(NotFound):
            client.opened_key(slug, 2)
    assert hashlib.sha256((tmp_path / "key.csv").read_bytes()).hexdigest() == seal
    scored = opened.own_scores(
        (tmp_path / "key.csv").read_bytes(), opened.predictions_of((tmp_path / "p.csv").read_bytes()), "mse"
    )
    assert scored.private == pytest.approx(own.private_score, rel=1e-12)
    assert repr(scored.private) in done.stdout

    offline = ("verify-key", slug, "--file", "key.csv")
    assert alice(*offline).code == 0
    assert alice(*offline, "--score", "p.csv").code == 2
    assert alice(*offline, "--score", "p.csv", "--metric", "mse").code == 0
    (own_settings / "published.json").unlink()
    assert "No seal" in alice(*offline).stderr
    for given in (seal, "receipt.json"):
        assert alice(*offline, "--seal", given).code == 0
    assert alice(*offline, "--seal", "ab" * 32).code == 1

    (tmp_path / "key.csv").write_text((tmp_path / "key.csv").read_text().replace("Public", "Private", 1))
    done = alice(*offline, "--seal", seal)
    assert done.code == 1
    assert "another one" in done.stdout


@pytest.mark.slow
def test_a_key_that_was_exchanged_is_noticed_whatever_the_server_says_now(alice, ended):
    slug, made = ended.slug, ended.installation
    assert alice("download", slug, "-q").code == 0
    salt = "00" * 16
    with made.db.write() as session:
        new = made.bundle.key.sealed_hash(salt)
        session.execute(text("UPDATE competitions SET seal = :new, seal_salt = :salt"), {"new": new, "salt": salt})
    end(ended)
    done = alice("verify-key", slug)
    assert done.code == 1
    assert "no longer says so" in done.stdout


@pytest.mark.slow
def test_a_corrected_key_opens_with_all_its_versions(alice, ended):
    slug, made = ended.slug, ended.installation
    assert alice("download", slug, "-q").code == 0
    solution = (made.folder / "solution.csv").read_text().splitlines()
    id_, label, half = solution[1].split(",")
    solution[1] = f"{id_},{float(label) + 1},{half}"
    place = {"slug": slug, "principal": SERVER, "now": datetime.now(UTC)}
    rescore.rescore(made.db, made.keys, content="\n".join(solution).encode() + b"\n", **place)
    end(ended)
    done = alice("verify-key", slug)
    assert done.code == 0, done.stdout + done.stderr
    assert "version 1" in done.stdout
    assert "published later" in done.stdout
    assert "corrected version" in done.stdout
    assert f"sha256sum {slug}-key-2.csv" in done.stderr
    with Client(ended.url, ended.token("alice")) as client:
        seals = client.competition(slug).seals
        assert [seal.version for seal in seals] == [1, 2]
        for seal in seals:
            assert opened.seal_of(client.opened_key(slug, seal.version)) == seal.seal


@pytest.mark.parametrize("metric", ["mse", "rmse", "mae", "r2"])
def test_scores_computed_here_are_those_of_the_server(metric):
    import numpy as np

    from unseen_server.core import metrics
    from unseen_server.core.splits import AnswerKey

    rng = np.random.default_rng(5)
    labels, usage = rng.normal(50, 9, 60).round(1), np.repeat(np.uint8([0, 1, 2]), 20)
    ids = tuple(f"row {n}" for n in range(60))
    predictions = labels + rng.normal(0, 3, 60)
    key = AnswerKey("id", "y", ids, labels, usage).sealed_text("salt").encode()
    theirs = metrics.score(metrics.metric(metric), labels, predictions, usage)
    ours = opened.own_scores(key, dict(zip(ids, predictions.tolist(), strict=True)), metric)
    assert ours.public == pytest.approx(theirs.public.value, rel=1e-12)
    assert ours.private == pytest.approx(theirs.private.value, rel=1e-12)


@pytest.mark.parametrize("metric", ["mse", "r2"])
@pytest.mark.parametrize(
    "key", ["a,1.0,Public\nb,1.0,Public\n", "a,1e200,Public\nb,1.0,Private\n"], ids=["half", "huge"]
)
def test_a_score_that_is_not_defined_is_a_sentence(metric, key):
    with pytest.raises(UnusablePredictions, match="not defined"):
        opened.own_scores(f"salt\nid,y,Usage\n{key}".encode(), {"a": 1.0, "b": 2.0}, metric)
