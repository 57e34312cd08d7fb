# Gets tokens with Authlib, logs in over each protocol, waits until the token has expired, and refreshes it.
# Arguments: the URL of the API, the ports of SMTP, IMAP and POP3.
import base64, imaplib, json, poplib, smtplib, sys
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt

USER = "bob@example.org"
api, smtp_port, imap_port, pop3_port = sys.argv[1], *map(int, sys.argv[2:5])
metadata = requests.get(f"{api}/.well-known/openid-configuration", timeout=5).json()


def response(token):
    return f"n,a={USER},\1host=localhost\1auth=Bearer {token}\1\1"


def smtp(token):
    with smtplib.SMTP("localhost", smtp_port, timeout=5) as client:
        client.ehlo()
        try:
            client.auth("OAUTHBEARER", lambda challenge=None: "\1" if challenge else response(token))
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_error.decode()


def imap(token):
    client = imaplib.IMAP4("localhost", imap_port, timeout=5)
    try:
        client.authenticate("OAUTHBEARER", lambda challenge: b"\1" if challenge else response(token).encode())
    except imaplib.IMAP4.error as error:
        return str(error)
    finally:
        client.logout()


def pop3(token):
    client = poplib.POP3("localhost", pop3_port, timeout=5)
    try:
        reply = client._shortcmd("AUTH OAUTHBEARER " + base64.b64encode(response(token).encode()).decode())
        if reply.startswith(b"+ "):
            client._shortcmd("AQ==")
    except poplib.error_proto as error:
        return str(error)
    finally:
        client.quit()


session = OAuth2Session("app", redirect_uri="http://127.0.0.1:9/cb", scope="openid mail", code_challenge_method="S256",
                        token_endpoint_auth_method="none")
verifier = "v" * 64
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, login_hint=USER)
callback = requests.get(url, allow_redirects=False, timeout=5).headers["location"]
token = session.fetch_token(metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier, state=state)
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=5).json())
for name in ["access_token", "id_token"]:
    claims = jwt.decode(token[name], keys, claims_options={"iss": {"value": metadata["issuer"]}, "sub": {"value": USER}})
    claims.validate()

for log_in in [smtp, imap, pop3]:
    assert log_in(token["access_token"]) is None, log_in
requests.post(f"{api}/v1/clock/advance", json={"by": "1h"}, timeout=5).raise_for_status()
for log_in in [smtp, imap, pop3]:
    refused = log_in(token["access_token"])
    assert refused and "the token has expired" in refused, refused
token = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
for log_in in [smtp, imap, pop3]:
    assert log_in(token["access_token"]) is None, log_in
