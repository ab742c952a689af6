"""TLS, SASL/SCRAM and ACLs for the real broker: certificates by openssl for one test run, users made at run time."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its typing exports but the client
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.poll import eventually
from tests.support.ports import free_ports
from workers.access import Grant

OPENSSL_S = 30
ANSWER_S = 10.0
MECHANISM = "SCRAM-SHA-512"

_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SECURE://127.0.0.1:{secure}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
"""Behind those of `broker.py`: the last of a name wins. Who comes by the plaintext port may do everything."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What a client trusts: `ssl.ca.location`."""
        return self.folder / "ca.pem"

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """A new one, with a key of its own."""
        folder.mkdir(parents=True)
        _openssl(folder, "ca", "/CN=commfleet test authority")
        return cls(folder)

    def keystore(self, names: str = "IP:127.0.0.1,DNS:localhost") -> Path:
        """Key and certificate of a server with these names, as Kafka reads a PEM keystore."""
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={names}")
        _openssl(self.folder, "server", "/CN=broker", *signed)
        store = self.folder / "keystore.pem"
        parts = [self.folder / "server.key", self.folder / "server.pem", self.certificate]
        store.write_text("".join(part.read_text() for part in parts))
        return store


class SecureDoor:
    """A SASL_SSL listener of the test broker."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._keystore = authority.keystore()
        (self.port,) = free_ports(1)

    @property
    def address(self) -> str:
        """What clients are given instead of the plaintext address."""
        return f"127.0.0.1:{self.port}"

    def properties(self, port: int, controller: int) -> str:
        """What the broker's properties need beside the usual ones."""
        return _PROPERTIES.format(port=port, controller=controller, secure=self.port, keystore=self._keystore)

    def client(self, user: str, password: str) -> dict[str, str]:
        """The kafka section of a site whose worker is this user."""
        return {
            "bootstrap.servers": self.address,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.authority.certificate),
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password": password,
        }


class Warden:
    """Makes users and grants on a broker, over its plaintext port."""

    def __init__(self, bootstrap: str) -> None:
        self._admin: Any = AdminClient({"bootstrap.servers": bootstrap})  # its stubs know too few None

    def enrol(self, user: str, password: str) -> None:
        """Let somebody in by SCRAM; they may do nothing yet."""
        secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, secret, password.encode())
        _done(self._admin.alter_user_scram_credentials([change]))
        eventually(lambda: self._knows(user), what=f"{user} is enrolled")

    def allow(self, principal: str, grants: Iterable[Grant]) -> None:
        """Grant exactly these."""
        wanted = [_binding(principal, grant) for grant in grants]
        _done(self._admin.create_acls(wanted))
        eventually(lambda: len(self._held(principal)) == len(set(wanted)), what=f"the grants of {principal}")

    def revoke(self, principal: str, grant: Grant) -> None:
        """Take one away."""
        before = len(self._held(principal))
        only = _binding(principal, grant)
        asked = _filter(only.restype, only.name, only.resource_pattern_type, principal, only.operation)
        _done(self._admin.delete_acls([asked]))
        eventually(lambda: len(self._held(principal)) == before - 1, what=f"{grant} is revoked")

    def _held(self, principal: str) -> list[Any]:
        everything = _filter(ResourceType.ANY, None, ResourcePatternType.ANY, principal, AclOperation.ANY)
        return list(self._admin.describe_acls(everything).result(ANSWER_S))

    def _knows(self, user: str) -> bool:
        found = self._admin.describe_user_scram_credentials().result(ANSWER_S)
        return user in found


def missing_openssl() -> str:
    """Why no certificates can be made here, in words; empty when they can."""
    return "" if shutil.which("openssl") else "no openssl on the path: install it (Debian: openssl)"


def _binding(principal: str, grant: Grant) -> Any:
    pattern = ResourcePatternType.PREFIXED if grant.is_prefix else ResourcePatternType.LITERAL
    resource = ResourceType[grant.resource.name]
    operation = AclOperation[_OPERATIONS[grant.operation]]
    return AclBinding(resource, grant.name, pattern, principal, "*", operation, AclPermissionType.ALLOW)


def _filter(resource: Any, name: Any, pattern: Any, principal: Any, operation: Any) -> Any:
    any_host: Any = None
    return AclBindingFilter(resource, name, pattern, principal, any_host, operation, AclPermissionType.ANY)


_OPERATIONS: Mapping[str, str] = {
    "Read": "READ",
    "Write": "WRITE",
    "Describe": "DESCRIBE",
    "Create": "CREATE",
    "Alter": "ALTER",
    "Delete": "DELETE",
    "DescribeConfigs": "DESCRIBE_CONFIGS",
    "AlterConfigs": "ALTER_CONFIGS",
}


def _done(futures: Any) -> None:
    for future in futures.values():
        future.result(ANSWER_S)


def _openssl(folder: Path, name: str, subject: str, *more: str) -> None:
    """A key and a certificate for two days; `-CA` of `openssl req` needs OpenSSL 3."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")
    command = ["openssl", "req", "-x509", *key, "-out", f"{name}.pem", "-days", "2", "-subj", subject, *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=OPENSSL_S, check=False)
    assert done.returncode == 0, done.stderr
