"""A real IMAP server: Debian's Dovecot with a mailbox of the test's, TLS with a certificate of its own, and nothing else."""

from __future__ import annotations

import getpass
import imaplib
import os
import pwd
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.deploy.proxies import certificate
from tests.deploy.tools import tool
from tests.support.sharing import free_port
from tests.support.waiting import eventually

USER, PASSWORD = "records@bank.example", "correct horse"


@dataclass
class Dovecot:
    """Ports with TLS from the first byte, and with STARTTLS. ca: the certificate that vouches for it."""

    port: int
    starttls_port: int
    ca: Path

    def client(self) -> imaplib.IMAP4_SSL:
        """Somebody who uses the mailbox, and may write."""
        client = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=ssl.create_default_context(cafile=str(self.ca)))
        client.login(USER, PASSWORD)
        return client

    def put(self, message: EmailMessage | bytes, mailbox: str = "INBOX") -> None:
        client = self.client()
        mailbox = f'"{mailbox}"'
        client.create(mailbox)
        raw = message if isinstance(message, bytes) else message.as_bytes()
        kind, said = client.append(mailbox, None, None, raw)  # type: ignore[arg-type]
        assert kind == "OK", said
        client.logout()

    def flags(self, mailbox: str = "INBOX") -> list[bytes]:
        client = self.client()
        client.select(mailbox, readonly=True)
        found = client.fetch("1:*", "(FLAGS)")[1]
        client.logout()
        return [line for line in found if isinstance(line, bytes)]


@contextmanager
def dovecot(folder: Path) -> Iterator[Dovecot]:
    """Runs in the foreground below `folder`. Skips, or in CI fails, where it is not installed."""
    program = tool("dovecot")
    certificate(folder)
    mail = folder / "mail"
    mail.mkdir()
    owner = "nobody" if os.geteuid() == 0 else getpass.getuser()
    known = pwd.getpwnam(owner)
    if os.geteuid() == 0:
        os.chown(mail, known.pw_uid, known.pw_gid)
        for above in (folder, *folder.parents):  # pytest's folders are closed to others
            if above == Path("/tmp") or above == Path("/"):
                break
            above.chmod(above.stat().st_mode | 0o011)
    own = "" if os.geteuid() == 0 else f"default_internal_user = {owner}\ndefault_login_user = {owner}\n"
    port, plain = free_port(), free_port()
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (folder / "users").chmod(0o644)
    (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1, ::1
ssl = required
ssl_cert = <{folder}/server.crt
ssl_key = <{folder}/server.key
ssl_dh =
{own}mail_location = maildir:{mail}/%u
first_valid_uid = 1
mail_uid = {known.pw_uid}
mail_gid = {known.pw_gid}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={known.pw_uid} gid={known.pw_gid} home={mail}/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
    process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")], start_new_session=True)
    try:

        def listens() -> bool:
            assert process.poll() is None, (folder / "log").read_text() if (folder / "log").exists() else "it did not start"
            with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
                return True
            return False

        eventually(listens)
        yield Dovecot(port, plain, folder / "server.crt")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
