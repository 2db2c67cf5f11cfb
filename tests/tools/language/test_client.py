"""The client against servers that end, hang, or send what is no message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.language.client import LanguageClient, LanguageServerError, RequestError


class Tape:
    """A process that says what is on the tape and keeps what it is told."""

    def __init__(self, *said):
        self.said = list(said)
        self.told = b""

    def read(self, size=65536, timeout_s=None):
        if not self.said:
            raise TimeoutError
        return self.said.pop(0)

    def write(self, data):
        self.told += data

    def poll(self):
        return None

    def close(self):
        pass


def message(value):
    body = json.dumps(value).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def test_an_answer_in_pieces_between_other_messages():
    whole = message({"method": "window/logMessage", "params": {}})
    whole += message({"id": "s1", "method": "workspace/configuration",
                      "params": {"items": [{"section": "ty"}, {}]}})  # fmt: skip
    whole += message({"id": 7, "result": "of another"})
    whole += message({"id": 1, "result": {"a": 1}})
    tape = Tape(*(whole[i : i + 7] for i in range(0, len(whole), 7)))
    client = LanguageClient(tape, {"ty": {"b": 2}})
    assert client.request("x", {}, 5) == {"a": 1}
    assert b'"result": [{"b": 2}, {}]' in tape.told


def test_pushed_diagnostics_wait_for_their_version():
    def pushed(version, found):
        params = {"uri": "file:///a.c", "version": version, "diagnostics": found}
        return message({"method": "textDocument/publishDiagnostics", "params": params})

    client = LanguageClient(Tape(pushed(1, ["old"]), pushed(2, ["new"])), {})
    assert client.wait_for_diagnostics("file:///a.c", 2, 5) == ["new"]


def test_a_refused_request_leaves_the_server():
    tape = Tape(message({"id": 1, "error": {"code": -1, "message": "no"}}))
    with pytest.raises(RequestError, match="no"):
        LanguageClient(tape, {}).request("x", {}, 5)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "does not answer"),
        ([b""], "has ended"),
        ([b"x" * 5000, b""], "header without an end"),
        ([b"Content-Length: 99999999999\r\n\r\n"], "without a usable length"),
        ([b"Content-Length: -1\r\n\r\n"], "without a usable length"),
        ([b"Content-Length: 3\r\n\r\n{a}"], "no JSON"),
        ([b"Content-Length: 2\r\n\r\n[]"], "no message"),
        ([b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000], "no JSON"),
    ],
)
def test_what_is_no_message_ends_the_connection(said, words):
    with pytest.raises(LanguageServerError, match=words):
        LanguageClient(Tape(*said), {}).request("x", {}, 5)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_one_error(data):
    with pytest.raises(LanguageServerError):
        LanguageClient(Tape(data, b""), {}).request("x", {}, 5)
