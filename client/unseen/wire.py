"""One server, spoken to over HTTP: requests are sent, repeated where that is safe, and the answers read.

Repeating is safe because reading changes nothing and every submission carries an idempotency key: the server counts it
once, however often it arrives. A refusal is final and raised at once.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unseen.errors import (
    LimitReached,
    NotAllowed,
    NotAnUnseenServer,
    NotFound,
    NotLoggedIn,
    OutcomeUnknown,
    Problem,
    Refused,
    ServerBusy,
    ServerUnreachable,
    UnseenError,
)

if TYPE_CHECKING:
    import httpx2

PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between five attempts, each stretched by up to a half
LONGEST_PAUSE = 10.0  # a server that wants a longer one is better asked again by the person
TEMPORARY = frozenset({429, 502, 503, 504})
KEY = "Idempotency-Key"
ANSWERED_WITH = {
    403: NotAllowed,
    404: NotFound,
    429: LimitReached,
    **dict.fromkeys((502, 503, 504, 507), ServerBusy),
}

log = logging.getLogger("unseen.wire")


class Wire:
    """The connection to one server; without a token it is nobody who asks.

    `transport` is httpx2's, for tests and for unusual networks.
    """

    def __init__(
        self, url: str, token: str | None, *, timeout: float = 60.0, transport: httpx2.BaseTransport | None = None
    ) -> None:
        import httpx2  # here, because it takes longer to import than all the rest

        self.url = url
        self.timeout = timeout
        who = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            headers={**who, "Accept": "application/json", "User-Agent": "unseen"},
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            # Reading the certificates of the system takes 50 ms; over http:// nothing is to be trusted with them.
            verify=True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The JSON object with which the server answers. Raises UnseenError."""
        return self.read(self.send(method, path, **request))

    def send(self, method: str, path: str, *, stream: bool = False, **request: Any) -> httpx2.Response:
        """Send until there is a definite answer, and return it whatever it says. Raises ServerUnreachable."""
        import httpx2

        key = (request.get("headers") or {}).get(KEY)
        last_start = time.monotonic() + 2 * self.timeout
        in_doubt = False  # whether an attempt may have been counted without our hearing of it
        for pause in (*PAUSES, None):
            try:
                built = self._http.build_request(method, self.url + path, **request)
                response = self._http.send(built, stream=stream)
            except httpx2.InvalidURL as error:
                raise self.unreachable(error, in_doubt, key) from error
            except httpx2.RequestError as error:
                arrived = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
                in_doubt = in_doubt or arrived
                if pause is None or not in_doubt or time.monotonic() > last_start:
                    raise self.unreachable(error, in_doubt, key) from None  # the sentence says it all
                log.warning("%s Trying again.", self._sentence(error))
            else:
                wait = wait_asked_for(response, pause)
                in_doubt = in_doubt or (response.status_code in TEMPORARY and not is_definite(response))
                if wait is None:
                    if in_doubt and key and response.status_code in TEMPORARY:
                        response.close()
                        raise OutcomeUnknown(f"{self._host} broke off before saying whether it counted the file.", key)
                    return response
                response.close()
                log.warning("%s is busy (%d). Trying again.", self._host, response.status_code)
                pause = wait
            time.sleep(pause * random.uniform(1.0, 1.5))  # noqa: S311 - spreads the class out, guards nothing
        raise AssertionError("unreachable")

    def read(self, response: httpx2.Response) -> dict[str, Any]:
        """The JSON object in a response. Raises what the server refused, or NotAnUnseenServer."""
        self.check(response)
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise self._stranger(response)
        return content

    def check(self, response: httpx2.Response) -> None:
        """Pass when the response is a success, else raise what the server refused."""
        if response.is_success:
            return
        response.read()
        with suppress(ValueError):
            if is_problem(response) and isinstance(problem := response.json(), dict):
                raise refusal(response.status_code, problem, retry_after(response))
        raise self._stranger(response)

    @property
    def _host(self) -> str:
        return urlsplit(self.url).netloc

    def unreachable(self, error: Exception, in_doubt: bool = False, key: str | None = None) -> ServerUnreachable:
        """The exception for having got no reply."""
        sentence = self._sentence(error)
        return OutcomeUnknown(sentence, key) if in_doubt and key else ServerUnreachable(sentence)

    def _sentence(self, error: Exception) -> str:
        """Why there was no reply, and what to look at, from the exception below httpx2's."""
        import httpx2

        causes = list(chain_of(error))
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return f"No computer named {urlsplit(self.url).hostname} was found. Check the address and your network."
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return f"Nothing answers at {self.url} (connection refused). Is the address right, and the server running?"
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return (
                    f"The certificate of {self._host} could not be trusted ({cause.verify_message}). "
                    "If this network wants a sign-in, open any web page first; otherwise tell the course staff."
                )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return (
                f"{self._host} does not speak HTTPS there. Check the port, or whether the address begins with http://"
            )
        if isinstance(error, httpx2.ConnectTimeout):
            return f"{self._host} could not be reached in time. Check your network and the address, also http or https."
        if isinstance(error, httpx2.TimeoutException):
            return f"{self._host} did not answer within {self.timeout:g} s. Check your network, or try again later."
        if isinstance(error, httpx2.ConnectError):
            return f"{self._host} could not be reached ({error}). Check your network."
        return f"The connection to {self._host} was lost ({error or type(error).__name__})."

    def _stranger(self, response: httpx2.Response) -> UnseenError:
        """What to say of an answer that no Unseen server gives."""
        status = response.status_code
        if response.is_redirect:
            target = response.headers.get("Location", "elsewhere")
            return NotAnUnseenServer(
                f"{self.url} sends us on to {target}. If that is the server's proper address, log in there; "
                "if it is the sign-in page of your network, open it in a browser first."
            )
        if status in TEMPORARY:
            return ServerBusy(
                f"{self._host} is not able to answer right now ({status}). Try again later.", status=status
            )
        what = "a web page" if "html" in response.headers.get("Content-Type", "") else "something unreadable"
        return NotAnUnseenServer(
            f"{self.url} answered with {what} ({status}) where an Unseen server answers with data. "
            "Check the address; if your network wants a sign-in, open any web page in a browser first."
        )


def wait_asked_for(response: httpx2.Response, pause: float | None) -> float | None:
    """Seconds to wait before asking again, or None when this answer is to be taken as it is."""
    if pause is None or response.status_code not in TEMPORARY:
        return None
    asked = retry_after(response)
    if response.status_code == 429:
        return asked if asked is not None and asked <= LONGEST_PAUSE else None
    wait = pause if asked is None else asked
    return wait if wait <= LONGEST_PAUSE else None


def retry_after(response: httpx2.Response) -> float | None:
    """The seconds in a Retry-After header; None where there is none.

    Proxies may send a moment in its place. It is held against the server's own clock, as ours may be wrong.
    """
    text = response.headers.get("Retry-After")
    if (asked := seconds(text)) is not None:
        return asked
    until, sent = moment(text), moment(response.headers.get("Date"))
    return max(0.0, (until - (sent or datetime.now(UTC))).total_seconds()) if until else None


def seconds(text: object) -> float | None:
    """A number of seconds, from 0 on; None for what is no such number."""
    try:
        number = float(str(text))
    except ValueError:
        return None
    return max(0.0, number) if isfinite(number) else None


def moment(text: str | None) -> datetime | None:
    """A date as HTTP writes it; None for what is no such date."""
    from email.utils import parsedate_to_datetime  # here, because few answers have one

    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_problem(response: httpx2.Response) -> bool:
    """Whether the answer is an RFC 9457 problem, as the application sends it, and the proxy in front that we ship."""
    return response.headers.get("Content-Type", "").startswith("application/problem+json")


def is_definite(response: httpx2.Response) -> bool:
    """Whether the answer says what became of the request; a server may have lost its database at the last step."""
    if not is_problem(response):
        return False
    response.read()
    return bool(response.json().get("code") != "outcome_unknown")


def refusal(status: int, problem: Mapping[str, Any], wait: float | None = None) -> UnseenError:
    """The exception for an RFC 9457 problem."""
    detail = str(problem.get("detail") or problem.get("title") or f"The server refused ({status}).")
    if status == 401:
        return NotLoggedIn(detail)
    kind = ANSWERED_WITH.get(status, Refused)
    error = kind(
        detail,
        status=status,
        code=str(problem.get("code") or ""),
        problems=[one_problem(entry) for entry in problem.get("errors") or ()],
        counts=problem.get("counts"),
        members=problem,
    )
    if isinstance(error, LimitReached):
        error.resets_at = datetime.fromisoformat(problem["resets_at"]) if problem.get("resets_at") else None
        error.retry_after = seconds(problem["retry_after"]) if "retry_after" in problem else wait
    return error


def one_problem(entry: Mapping[str, Any]) -> Problem:
    return Problem(str(entry.get("code", "")), str(entry.get("message", "")), entry.get("line"), entry.get("id"))


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
