"""Tokens as an EHR signs them, for the rounds with authentication."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa

BASE_URL = "http://127.0.0.1"
ISSUER = "https://ehr.example.org/fhir"


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of an invented EHR."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    def jwk(self) -> dict[str, Any]:
        """Return the public key as JSON Web Key."""
        public: dict[str, Any] = jwt.get_algorithm_by_name("RS384").to_jwk(self.key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {**public, "kid": "benchmark", "alg": "RS384"}

    def configuration(self) -> str:
        """Return the TOML file that lets this EHR in."""
        jwks = orjson.dumps({"keys": [self.jwk()]}).decode().replace('":', '" = ')
        return f'[[client]]\nname = "benchmark"\nissuer = "{ISSUER}"\njwks = {jwks}\n'

    def token(self, path: str) -> str:
        """Return a token for one call; every call needs its own."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": BASE_URL + path, "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex}
        return jwt.encode(claims, self.key, algorithm="RS384", headers={"kid": "benchmark"})
