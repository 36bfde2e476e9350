"""What is asked again and what is not; the double stands in for networks and servers that break."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from unseen import Client, LimitReached, NotLoggedIn, Refused, ServerUnreachable, wire
from unseen.errors import NotAnUnseenServer, OutcomeUnknown, ServerBusy

PREDICTIONS = {"a": 1.0}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text("id,y\na,1.0\n")
    return path


def keys(server):
    return {request.headers["Idempotency-Key"] for request in server.seen}


def parts(server):
    """The multipart bodies without their boundaries, which are drawn anew for each attempt."""
    return {re.sub(rb"--[0-9a-f]{32}", b"--", request.body) for request in server.seen}


def test_a_busy_server_is_asked_again_with_the_same_key_and_file(faulty, faults, client, file):
    faulty.replies = [faults.problem(503, "busy", "Busy."), faults.answer(faults.RECEIPT, 201)]
    assert client.submit("lecture", file, message="m").ref == 7
    assert len(faulty.seen) == 2
    assert len(keys(faulty)) == len(parts(faulty)) == 1


def test_a_lost_connection_is_met_by_asking_again_with_the_same_key(faulty, faults, client, file):
    faulty.replies = [faults.Reply(lost=True), faults.page(502), faults.answer(faults.RECEIPT, 201)]
    assert client.submit("lecture", file).ref == 7
    assert len(faulty.seen) == 3
    assert len(keys(faulty)) == len(parts(faulty)) == 1


def test_who_loses_the_server_while_waiting_for_a_score_is_told_that_the_file_counts(faulty, faults, client, file):
    pending = faults.answer({**faults.RECEIPT, "status": "pending"}, 202)
    faulty.replies = [pending, faults.problem(503, "busy", "Busy.")]
    with pytest.raises(ServerBusy) as caught:
        client.submit("lecture", file)
    assert "Submission 7 counts" in "".join(caught.value.__notes__)


def test_each_submission_has_a_key_of_its_own(faulty, faults, client, file):
    faulty.replies = [faults.answer(faults.RECEIPT, 201)]
    client.submit("lecture", file)
    client.submit("lecture", file)
    assert len(keys(faulty)) == 2


def test_a_reply_cut_short_is_met_by_asking_again(faulty, faults, client, file):
    faulty.replies = [faults.Reply(201, b'{"ref"', claimed=1000), faults.answer(faults.RECEIPT, 201)]
    assert client.submit("lecture", file).ref == 7


def test_when_no_answer_ever_comes_the_error_holds_the_key(faulty, faults, client, file):
    faulty.replies = [faults.Reply(lost=True)]
    with pytest.raises(OutcomeUnknown) as caught:
        client.submit("lecture", file)
    assert {caught.value.idempotency_key} == keys(faulty)
    assert len(faulty.seen) == 3


def test_a_proxy_that_never_reaches_the_server_leaves_the_outcome_unknown(faulty, faults, client, file):
    faulty.replies = [faults.page(504)]
    with pytest.raises(OutcomeUnknown):
        client.submit("lecture", file)


def test_a_server_that_cannot_tell_leaves_the_outcome_unknown(faulty, faults, client, file):
    faulty.replies = [faults.problem(503, "outcome_unknown", "The server cannot tell whether it counted the file.")]
    with pytest.raises(OutcomeUnknown) as caught:
        client.submit("lecture", file)
    assert {caught.value.idempotency_key} == keys(faulty)


def test_a_busy_server_after_every_try_counted_nothing(faulty, faults, client, file):
    faulty.replies = [faults.problem(503, "busy", "The server is busy and nothing was counted.")]
    with pytest.raises(ServerBusy, match="nothing was counted"):
        client.submit("lecture", file)


def test_reading_leaves_nothing_in_doubt(faulty, faults, client):
    faulty.replies = [faults.Reply(lost=True)]
    with pytest.raises(ServerUnreachable) as caught:
        client.limits("lecture")
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_refusal_is_final(faulty, faults, client, file):
    errors = [{"code": "not_a_number", "message": "line 2: no", "line": 2, "id": "a"}]
    faulty.replies = [faults.problem(400, "bad_file", "No. line 2: no", errors=errors, counts={"not_a_number": 1})]
    with pytest.raises(Refused) as caught:
        client.submit("lecture", file)
    assert len(faulty.seen) == 1
    assert (caught.value.status, caught.value.code) == (400, "bad_file")
    assert [(p.line, p.id) for p in caught.value.problems] == [(2, "a")]


def test_the_daily_limit_is_never_waited_for(faulty, faults, client, file):
    members = {"resets_at": "2026-11-23T16:00:00Z", "retry_after": 11520}
    faulty.replies = [faults.problem(429, "daily_limit_reached", "All used.", **members)]
    with pytest.raises(LimitReached) as caught:
        client.submit("lecture", file)
    assert len(faulty.seen) == 1
    assert caught.value.resets_at.isoformat() == "2026-11-23T16:00:00+00:00"
    assert caught.value.retry_after == 11520


def test_a_daily_limit_without_a_time_is_not_asked_again(faulty, faults, client, file):
    faulty.replies = [faults.problem(429, "total_limit_reached", "All used.")]
    with pytest.raises(LimitReached):
        client.submit("lecture", file)
    assert len(faulty.seen) == 1


def test_a_short_pause_that_the_server_asks_for_is_kept(faulty, faults, client):
    faulty.replies = [faults.problem(429, "too_fast", "Wait.", retry_after=0), faults.answer({"used_today": 1})]
    assert client.limits("lecture").used_today == 1


def test_a_long_pause_that_a_busy_server_asks_for_is_left_to_the_person(faulty, faults, client):
    faulty.replies = [faults.problem(503, "busy", "Busy.", retry_after=600)]
    with pytest.raises(ServerBusy):
        client.limits("lecture")
    assert len(faulty.seen) == 1


NOW, SOON = "Mon, 23 Nov 2026 04:00:00 GMT", "Mon, 23 Nov 2026 04:00:03 GMT"
TOMORROW = "Tue, 24 Nov 2026 04:00:00 GMT"


@pytest.fixture
def pauses(monkeypatch):
    """How long was waited, without waiting or spreading."""
    waited = []
    monkeypatch.setattr(wire, "time", SimpleNamespace(sleep=waited.append, monotonic=time.monotonic))
    monkeypatch.setattr(wire, "random", SimpleNamespace(uniform=lambda low, high: 1.0))
    return waited


@pytest.mark.parametrize("status", [429, 503])
def test_a_proxy_may_name_the_moment_until_which_to_wait(faulty, faults, client, pauses, status):
    page = faults.Reply(status, b"<html>", {"Content-Type": "text/html", "Retry-After": SOON, "Date": NOW})
    faulty.replies = [page, faults.answer({"used_today": 1})]
    assert client.limits("lecture").used_today == 1
    assert pauses == [3.0]


def test_a_moment_that_has_passed_is_not_waited_for(faulty, faults, client, pauses):
    faulty.replies = [
        faults.problem(503, "busy", "Busy.", retry_after="Mon, 23 Nov 2020 04:00:00 GMT"),
        faults.answer({"used_today": 1}),
    ]
    assert client.limits("lecture").used_today == 1
    assert pauses == [0.0]


def test_a_moment_far_away_is_left_to_the_person(faulty, faults, client):
    headers = {"Content-Type": "application/problem+json", "Retry-After": TOMORROW, "Date": NOW}
    faulty.replies = [faults.Reply(429, b'{"code": "slow", "detail": "Tomorrow."}', headers)]
    with pytest.raises(LimitReached, match="Tomorrow") as caught:
        client.limits("lecture")
    assert caught.value.retry_after == 86400
    assert len(faulty.seen) == 1


@pytest.mark.parametrize("text", ["soon", "", "nan", "inf", "Mon, 99 Nov 2026 04:00:00 GMT", "1 Nov 99999999999 04:00"])
def test_a_pause_that_cannot_be_read_is_none_that_was_asked_for(faulty, faults, client, pauses, text):
    page = faults.Reply(503, b"", {"Content-Type": "text/html", "Retry-After": text})
    faulty.replies = [page, faults.answer({"used_today": 1})]
    assert client.limits("lecture").used_today == 1
    assert pauses == [wire.PAUSES[0]]


def test_a_replayed_receipt_says_so(faulty, faults, client, file):
    faulty.replies = [faults.answer(faults.RECEIPT, 201, **{"Idempotent-Replayed": "true"})]
    assert client.submit("lecture", file).replayed


@pytest.mark.parametrize("status", [200, 403, 511])
def test_a_sign_in_page_of_the_network_is_recognised(faulty, faults, client, status):
    faulty.replies = [faults.page(status)]
    with pytest.raises(NotAnUnseenServer, match="web page"):
        client.whoami()


def test_the_token_does_not_follow_a_redirect(faulty, faults, client):
    faulty.replies = [faults.Reply(302, b"", {"Location": f"{faulty.url}/elsewhere"})]
    with pytest.raises(NotAnUnseenServer, match="elsewhere"):
        client.whoami()
    assert [request.path for request in faulty.seen] == ["/api/whoami"]


def test_a_token_that_is_not_accepted_asks_for_a_log_in(faulty, faults, client):
    faulty.replies = [faults.problem(401, "not_signed_in", "Sign in first.")]
    with pytest.raises(NotLoggedIn):
        client.whoami()


def test_a_problem_that_is_no_json_is_still_a_sentence(faulty, faults, client):
    faulty.replies = [faults.Reply(400, b"<", {"Content-Type": "application/problem+json"})]
    with pytest.raises(NotAnUnseenServer):
        client.whoami()


def test_an_answer_without_its_essential_field_is_not_a_traceback(faulty, faults, client, file):
    faulty.replies = [faults.answer({"public_score": 1.0}, 201)]
    with pytest.raises(NotAnUnseenServer, match="pip install -U unseen"):
        client.submit("lecture", file)


def test_fields_of_a_newer_server_are_ignored_and_kept(faulty, faults, client, file):
    faulty.replies = [faults.answer({**faults.RECEIPT, "aura": "blue"}, 201)]
    receipt = client.submit("lecture", file)
    assert receipt.ref == 7
    assert receipt.raw["aura"] == "blue"


def test_nobody_listening_is_said_at_once(faulty, free_port):
    with (
        Client(f"http://127.0.0.1:{free_port}", "unseen_test") as client,
        pytest.raises(ServerUnreachable, match="refused"),
    ):
        client.whoami()


def test_a_name_nobody_has_is_said_as_such():
    with (
        Client("http://nowhere.invalid", "unseen_test") as client,
        pytest.raises(ServerUnreachable, match=r"nowhere\.invalid"),
    ):
        client.whoami()


def test_a_server_without_tls_is_said_as_such(faulty, faults):
    faulty.replies = [faults.answer({})]
    address = faulty.url.replace("http:", "https:")
    with Client(address, "unseen_test", timeout=5) as client, pytest.raises(ServerUnreachable, match="HTTPS"):
        client.whoami()


@pytest.fixture
def strange_certificate(tmp_path):
    """The address of a server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1)
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem + made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    def shake_hands():
        with suppress(OSError):  # the client hangs up
            connection, _ = listening.accept()
            with connection, context.wrap_socket(connection, server_side=True):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        thread = threading.Thread(target=shake_hands)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(strange_certificate):
    with (
        Client(strange_certificate, "unseen_test", timeout=5) as client,
        pytest.raises(ServerUnreachable, match=r"could not be trusted \(self-signed certificate\).*open any web page"),
    ):
        client.whoami()


def test_a_server_that_never_answers_is_said_as_such(monkeypatch):
    monkeypatch.setattr(wire, "PAUSES", ())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(address, "unseen_test", timeout=0.5) as client,
            pytest.raises(ServerUnreachable, match=r"did not answer within 0\.5 s"),
        ):
            client.whoami()


def test_progress_counts_the_bytes_of_the_file(faulty, faults, client, tmp_path):
    faulty.replies = [faults.answer(faults.RECEIPT, 201)]
    file = tmp_path / "big.csv"
    file.write_bytes(b"x" * 200_000)
    steps: list[tuple[int, int | None]] = []
    client.submit("lecture", file, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (200_000, 200_000)
    assert len(steps) > 2
    assert steps == sorted(steps)
