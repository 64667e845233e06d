"""Monitoring that wants to know who asks: a user with a password, as the server and as the box have
it, and a certificate by an authority that only the test knows.
"""

import base64
import os
import subprocess

USER = 'box'
PASSWORD = 'let me in'
# Of the password, by bcrypt; at the least cost, for each request is checked by it.
HASH = '$2b$04$abcdefghijklmnopqrstuuTnc8amReAFiMHxaSoW9U22KarbWnkSm'
AUTHORIZATION = 'Basic ' + base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()


def is_nowhere(secret, box):
    """Whether it is in nothing that the box says or keeps."""
    said = [box.log()] + [
        subprocess.run(['curl', '-sS', '--fail', '--unix-socket', box.api, f'http://keeld{path}'],
                       capture_output=True, text=True, check=True).stdout
        for path in ('/v1/settings', '/v1/status', '/v1/alerts', '/v1/journal?limit=1000',
                     '/v1/queries', '/v1/history', '/metrics')]
    kept = [path.read_bytes() for path in box.state.rglob('*') if path.is_file()]
    assert len(kept) > 2 and all('credentials' in one for one in said[1:2]), said[1]
    return not (any(secret in one for one in said) or any(secret.encode() in one for one in kept))


def write_secret(path, text):
    """Whole or not at all, and for its owner's eyes only."""
    new = path.with_suffix('.new')
    new.write_text(text)
    new.chmod(0o600)
    os.replace(new, path)
    return str(path)


def web_config(folder, certificate=None):
    """What makes Prometheus or Alertmanager ask for the password."""
    text = f"basic_auth_users: {{{USER}: '{HASH}'}}\n"
    if certificate:
        text += ('tls_server_config: '
                 f'{{cert_file: {certificate}.pem, key_file: {certificate}.key}}\n')
    path = folder / ('guarded-tls.yml' if certificate else 'guarded.yml')
    path.write_text(text)
    return path


def make_certificate(folder, address):
    """ca.pem, and server.pem and server.key of who is at this address; returns FOLDER/server."""
    key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    subprocess.run(['sh', '-ec', f"""
        openssl req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
        openssl req {key} -keyout server.key -out server.csr -subj /CN=server \\
          -addext subjectAltName=IP:{address}
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
          -copy_extensions copy -out server.pem
    """], cwd=folder, check=True, capture_output=True)
    return folder / 'server'
