"""JWTs of an identity provider: a local one, with keys of its own."""

from __future__ import annotations

import http.server
import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from featurestore.cli.serve import IdentityProvider
from featurestore.errors import FeatureStoreError
from featurestore.serve.callers import TokenRefused
from featurestore.serve.jwt_tokens import JwtCallers
from featurestore.serve.problems import HttpProblem
from featurestore.serve.server_config import JwtTrust, ServerConfig
from tests.support.running_server import running_server

ISSUER, AUDIENCE = "https://id.example.org/", "features"
RIGHTS = {"services": ["delays"], "operator": True}
BODY = {"service": "delays", "entities": {"tailnum": ["N1"]}}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def public(key, algorithm, name):
    """Return the public half of a key, as a provider publishes it."""
    shown = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**shown, "kid": name, "use": "sig", "alg": algorithm}


RSA_KEY, OTHER_KEY = public(RSA, "RS256", "rsa"), public(OTHER, "RS256", "other")
KEYS = [RSA_KEY, public(CURVE, "ES256", "curve"), public(EDWARDS, "EdDSA", "edwards")]


class Published:
    """The keys that the provider publishes, and how often it was asked."""

    def __init__(self, port):
        self.trust = JwtTrust(ISSUER, AUDIENCE, f"http://127.0.0.1:{port}/keys")
        self.content = {"keys": KEYS}
        self.asked = 0


@pytest.fixture
def provider():
    """Serve keys on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            published.asked += 1
            body = json.dumps(published.content).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        published = Published(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield published
        server.shutdown()
        thread.join()


def signed(key=RSA, algorithm="RS256", name="rsa", **changes):
    """Return a token; a claim that is None is left out."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "checkout",
        "exp": int(time.time()) + 3600,
        "featurestore": RIGHTS,
        **changes,
    }
    claims = {claim: value for claim, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": name} if name else None)


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("key", "algorithm", "name"),
    [(RSA, "RS256", "rsa"), (CURVE, "ES256", "curve"), (EDWARDS, "EdDSA", "edwards")],
)
async def test_a_signed_token_names_its_caller(provider, key, algorithm, name):
    """Its claim has the rights of an entry of the file."""
    caller = await JwtCallers(provider.trust).caller(signed(key, algorithm, name))

    assert "checkout" == caller.name
    assert (frozenset({"delays"}), True, False) == (
        caller.grant.services,
        caller.grant.operator,
        caller.grant.personal,
    )


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"exp": int(time.time()) - 3600}, "expired", "has expired"),
        ({"exp": None}, "invalid", 'missing the "exp" claim'),
        ({"iss": "https://evil.example.org/"}, "invalid", "issuer"),
        ({"iss": None}, "invalid", "iss"),
        ({"aud": "others"}, "invalid", "udience"),
        ({"aud": None}, "invalid", "aud"),
        ({"nbf": int(time.time()) + 3600}, "invalid", "not yet valid"),
        ({"featurestore": None}, "invalid", "no claim `featurestore`"),
        ({"featurestore": "all"}, "invalid", "no claim `featurestore`"),
        ({"featurestore": {"servces": ["x"]}}, "invalid", "unknown key 'servces'"),
        ({"featurestore": {"operator": "yes"}}, "invalid", "`operator: yes`"),
        ({"featurestore": {"name": "x"}}, "invalid", "unknown key 'name'"),
        ({"key": OTHER}, "invalid", "Signature verification failed"),
        ({"name": "nothing"}, "unknown", "not published"),
        ({"name": ""}, "unknown", "not published"),
    ],
)
async def test_a_wrong_token_is_refused(provider, changes, reason, detail):
    """The error names what is wrong, and not the token."""
    token = signed(**changes)
    with pytest.raises(TokenRefused, match=detail) as refused:
        await JwtCallers(provider.trust).caller(token)

    assert (reason, 401) == (refused.value.reason, refused.value.status)
    assert token not in str(refused.value.body())


async def test_a_signature_that_anyone_can_make_is_refused(provider):
    """`none`, and a symmetric algorithm, even if the provider publishes such a key."""
    provider.content = {
        "keys": [RSA_KEY, {"kty": "oct", "kid": "shared", "k": "c2VjcmV0" * 8, "alg": "HS256"}]
    }
    callers = JwtCallers(provider.trust)
    shared = signed(b"secret" * 8, "HS256", "shared")
    for token in (signed(None, "none"), signed(b"x" * 32, "HS256"), shared, "a.b.c", ".."):
        with pytest.raises(TokenRefused):
            await callers.caller(token)


async def test_keys_are_kept_and_asked_for_again(provider):
    """A new key is found at once, a withdrawn one does not count, made-up names cost little."""
    clock = Clock()
    callers = JwtCallers(provider.trust, clock)
    token, later = signed(), signed(OTHER, name="other")
    for _ in range(5):
        await callers.caller(token)
    assert 1 == provider.asked
    # Made-up names of keys ask the provider once in ten seconds.
    clock.now += 11
    for number in range(20):
        with pytest.raises(TokenRefused):
            await callers.caller(signed(name=f"made-up-{number}"))
    assert 2 == provider.asked
    provider.content = {"keys": [OTHER_KEY]}
    clock.now += 11
    await callers.caller(later)
    assert 3 == provider.asked
    clock.now += 11
    with pytest.raises(TokenRefused):
        await callers.caller(token)
    # Without an answer the known keys count.
    provider.content = []
    clock.now += 301
    await callers.caller(later)
    await callers.renewal
    assert 5 == provider.asked
    await callers.caller(later)


async def test_without_keys_the_caller_should_try_again(provider):
    """A provider that does not answer is not the caller's fault."""
    provider.content = {"keys": []}
    with pytest.raises(HttpProblem) as refused:
        await JwtCallers(provider.trust).caller(signed())

    assert (503, 1) == (refused.value.status, refused.value.retry_after)


def test_a_server_takes_jwts(shop, provider):
    """Beside tokens of a file, or alone; a wrong one gets 401."""
    with running_server(shop, jwt=provider.trust) as server:
        without = server.read(**BODY)
        statuses = {}
        for name, token in (("good", signed()), ("bad", signed(OTHER)), ("file", "fst_x")):
            server.http.headers["authorization"] = f"Bearer {token}"
            statuses[name] = server.read(**BODY).status_code
        server.http.headers["authorization"] = f"Bearer {signed()}"
        hidden = server.read(service="routes", entities={"tailnum": ["N1"]})
        metrics = server.http.get("/metrics").text

    assert 401 == without.status_code
    assert {"good": 200, "bad": 401, "file": 401} == statuses
    assert (422, "Unknown feature service") == (hidden.status_code, hidden.json()["title"])
    assert 'featurestore_tokens_refused_total{reason="invalid"} 1.0' in metrics


def test_the_options_belong_together():
    """All three or none; the keys come by HTTPS."""
    assert IdentityProvider().as_trust() is None
    with pytest.raises(FeatureStoreError, match="--jwt-audience and --jwt-jwks-url is missing"):
        IdentityProvider(jwt_issuer=ISSUER).as_trust()
    for url in ("http://id.example.org/keys", "file:///etc/passwd", "id.example.org", "https://"):
        with pytest.raises(FeatureStoreError, match="is not an HTTPS URL"):
            ServerConfig(jwt=JwtTrust(ISSUER, AUDIENCE, url)).checked()
    good = JwtTrust(ISSUER, AUDIENCE, "https://id.example.org/keys")
    ServerConfig(host="0.0.0.0", jwt=good).checked()
