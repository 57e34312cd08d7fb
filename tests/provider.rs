//! The OAuth 2.0 provider over HTTP: each flow, its errors, and the logins with its tokens.

use std::time::Duration;

use clients::api_client::ApiClient;
use clients::support::{interpreter, is_there, run};
use clients::wire::Wire;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use mailjig::{MailServer, Scenario};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

const BOB: &str = "bob@example.org";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http%3A%2F%2F127.0.0.1%3A9%2Fcb";

/// What the provider answers to a request: the status, and the body or the place of a redirection.
struct Answered {
    status: u16,
    text: String,
    location: String,
    challenge: String,
}

impl Answered {
    fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    fn error(&self, status: u16) -> String {
        self.json(status)["error"].as_str().unwrap().to_owned()
    }

    /// A parameter of the redirection.
    fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.location.split_once('?')?;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.replace("%2D", "-").replace("%5F", "_").replace("%20", " ").replace("%3A", ":").replace("%2F", "/"))
    }
}

/// A client of the provider at this URL.
struct Browser(String);

impl Browser {
    fn of(server: &MailServer) -> Self {
        Self(server.api().to_owned())
    }

    fn get(&self, path: &str, authorization: &str) -> Answered {
        self.ask("GET", path, authorization, "")
    }

    fn post(&self, path: &str, form: &str) -> Answered {
        self.ask("POST", path, "", form)
    }

    fn ask(&self, method: &str, path: &str, authorization: &str, form: &str) -> Answered {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let agent = config.timeout_global(Some(Duration::from_secs(20))).build().new_agent();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.0));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let mut response = agent.run(request.body(form.to_owned()).unwrap()).unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (location, challenge) = (header("location"), header("www-authenticate"));
        Answered {
            status: response.status().as_u16(),
            text: response.body_mut().read_to_string().unwrap(),
            location,
            challenge,
        }
    }

    fn authorize(&self, more: &str) -> Answered {
        self.get(&format!("/oauth2/authorize?response_type=code&client_id=app&redirect_uri={CALLBACK}{more}"), "")
    }

    fn token(&self, form: &str) -> Answered {
        self.post("/oauth2/token", &format!("client_id=app&{form}"))
    }

    /// The tokens of an account, by the password.
    fn tokens(&self, login: &str) -> Value {
        self.token(&format!("grant_type=password&username={login}&password=any")).json(200)
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{value} has no {name}")).to_owned()
}

/// Logs in over IMAP. Returns the end of the reply if it was refused.
fn log_in(server: &MailServer, token: &str) -> Result<(), String> {
    let response = BASE64.encode(format!("n,a={BOB},\x01auth=Bearer {token}\x01\x01").as_bytes());
    let mut wire = Wire::greeted(server, "imap", false);
    let reply = wire.ask(&format!("a AUTHENTICATE OAUTHBEARER {response}"));
    if reply.starts_with("a OK") {
        return Ok(());
    }
    let refused = wire.ask("AQ==");
    Err(refused.strip_prefix("a NO [AUTHENTICATIONFAILED] Authentication failed: ").unwrap_or(&refused).to_owned())
}

#[test]
fn a_client_gets_a_token_and_refreshes_it_when_it_has_expired() {
    let server = MailServer::start();
    server.clock().pause();
    let browser = Browser::of(&server);
    let challenge = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let scope = "&scope=openid%20mail&nonce=n-1&state=s-1";

    let redirected = browser.authorize(&format!("{challenge}{scope}&login_hint={BOB}"));
    assert_eq!(redirected.status, 302, "{}", redirected.text);
    assert!(redirected.location.starts_with("http://127.0.0.1:9/cb?"), "{}", redirected.location);
    assert_eq!(redirected.parameter("state").as_deref(), Some("s-1"));
    assert_eq!(redirected.parameter("iss"), Some(server.api().replace('.', "%2E")));
    let code = redirected.parameter("code").unwrap();
    let redeem = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}");
    let tokens = browser.token(&redeem).json(200);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&"Bearer".into(), &3600.into()));
    let claims = claims(&text(&tokens, "id_token"));
    assert_eq!((&claims["sub"], &claims["nonce"], &claims["aud"]), (&BOB.into(), &"n-1".into(), &"app".into()));

    let old = text(&tokens, "access_token");
    assert_eq!(log_in(&server, &old), Ok(()));
    server.clock().advance(Duration::from_secs(3600));
    assert_eq!(log_in(&server, &old), Err("the token has expired".to_owned()));

    let refresh = |token: &str| browser.token(&format!("grant_type=refresh_token&refresh_token={token}"));
    let refreshed = refresh(&text(&tokens, "refresh_token")).json(200);
    let new = text(&refreshed, "access_token");
    assert_eq!(log_in(&server, &new), Ok(()));
    // Both were used already: somebody may have stolen them, so everything that came of them is revoked.
    assert_eq!(refresh(&text(&tokens, "refresh_token")).error(400), "invalid_grant");
    assert_eq!(log_in(&server, &new), Err("the token is revoked".to_owned()));
    assert_eq!(refresh(&text(&refreshed, "refresh_token")).error(400), "invalid_grant");
    assert_eq!(browser.token(&redeem).error(400), "invalid_grant");
}

#[test]
fn real_clients_get_tokens_and_refresh_them() {
    if is_there("Authlib") {
        let server = MailServer::start();
        let mut python = interpreter("venv");
        python.arg(clients::support::folder().join("oauth_story.py")).arg(server.api());
        let ports = [server.smtp(), server.imap(), server.pop3()].map(|endpoint| endpoint.port().to_string());
        run(python.args(ports).env("NO_PROXY", "*"), "");
    }
    if is_there("nodemailer") {
        let server = MailServer::start();
        let issued =
            ApiClient::of(&server).post("/oauth/tokens", &json!({ "login": BOB, "lifetime": "1s" })).expect(201);
        let mut node = interpreter("node");
        node.args(["-e", NODEMAILER]).env("SMTP", server.smtp().port().to_string()).env("API", server.api());
        node.env("ACCESS", text(&issued, "access_token")).env("REFRESH", text(&issued, "refresh_token"));
        run(node.env("NO_PROXY", "*"), "");
    }
}

/// It refreshes its token by itself, at the URL of the token endpoint.
const NODEMAILER: &str = r#"
const { SMTP: port, API, ACCESS: accessToken, REFRESH: refreshToken } = process.env, nodemailer = require("nodemailer");
const auth = { type: "OAuth2", user: "bob@example.org", clientId: "mailjig", accessUrl: API + "/oauth2/token" };
const connect = more => nodemailer.createTransport({ host: "localhost", port, ignoreTLS: true, auth: { ...auth, ...more } });
(async () => {
    await connect({ accessToken }).verify();
    const by = JSON.stringify({ by: "1s" });
    await fetch(API + "/v1/clock/advance", { method: "POST", body: by });
    const stale = await connect({ accessToken }).verify().then(() => "accepted", () => "refused");
    if (stale !== "refused") throw new Error("the expired token was " + stale);
    await connect({ accessToken, refreshToken }).verify();
})().catch(error => { console.error(error); process.exitCode = 1; });
"#;

#[test]
fn a_rule_takes_all_tokens_of_a_user_from_a_client() {
    const LEFT: &str = "* BYE Goodbye\r\nb OK Logged out";
    let server = MailServer::builder().scenario(Scenario::named("oauth-grant-revoked")).start();
    let browser = Browser::of(&server);
    let authorized = || {
        let code = browser.authorize(&format!("&code_challenge={CHALLENGE}&code_challenge_method=S256"));
        let code = code.parameter("code").unwrap();
        let redeem = format!("code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}");
        browser.token(&format!("grant_type=authorization_code&{redeem}")).json(200)
    };
    let log_in = |tokens: &Value| {
        let response = format!("n,,\x01auth=Bearer {}\x01\x01", text(tokens, "access_token"));
        let mut wire = Wire::greeted(&server, "imap", false);
        let reply = wire.ask(&format!("a AUTHENTICATE OAUTHBEARER {}", BASE64.encode(response.as_bytes())));
        wire.ask(if reply.starts_with("a OK") { "b LOGOUT" } else { "AQ==" })
    };
    let tokens = authorized();
    assert_eq!(log_in(&tokens), LEFT);

    let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&tokens, "refresh_token"));
    assert_eq!(browser.token(&refresh).error(400), "invalid_grant");
    assert_eq!(log_in(&tokens), "a NO [AUTHENTICATIONFAILED] Authentication failed: the token is revoked");
    assert_eq!(log_in(&authorized()), LEFT);
}

#[test]
fn a_token_without_the_scope_of_mail_is_refused() {
    let server = MailServer::start();
    let tokens =
        Browser::of(&server).token(&format!("grant_type=password&username={BOB}&password=x&scope=openid%20email"));

    let refused = log_in(&server, &text(&tokens.json(200), "access_token"));

    assert_eq!(refused, Err("the scope of the token does not include mail".to_owned()));
}

#[test]
fn a_client_that_acts_for_itself_has_a_token_for_every_account() {
    let server = MailServer::start();
    let tokens = Browser::of(&server).token("grant_type=client_credentials").json(200);

    assert!(tokens["refresh_token"].is_null());
    assert_eq!(log_in(&server, &text(&tokens, "access_token")), Ok(()));
}

#[test]
fn a_request_that_the_client_must_not_learn_of_is_shown() {
    let server = MailServer::start();
    let browser = Browser::of(&server);
    for (query, why) in [
        ("client_id=app", "the parameter `redirect_uri` is missing"),
        ("redirect_uri=http://x/", "the parameter `client_id` is missing"),
        ("client_id=app&client_id=b&redirect_uri=http://x/", "there are two parameters `client_id`"),
        ("client_id=app&redirect_uri=/cb", "`redirect_uri` must be an absolute URI without a fragment"),
        ("client_id=app&redirect_uri=http://x/%23a", "`redirect_uri` must be an absolute URI without a fragment"),
        ("client_id=app&redirect_uri=javascript:alert(1)", "`redirect_uri` must be an absolute URI without a fragment"),
    ] {
        let shown = browser.get(&format!("/oauth2/authorize?response_type=code&{query}"), "");
        assert_eq!((shown.status, &*shown.location), (400, ""), "{query}");
        assert!(shown.text.contains(&format!("<p>{why}</p>")), "{query}: {}", shown.text);
    }
}

#[test]
fn the_client_learns_why_it_gets_no_code() {
    let server = MailServer::start();
    let (browser, api) = (Browser::of(&server), ApiClient::of(&server));
    let hint = format!("&login_hint={BOB}");
    for (more, error) in [
        ("&prompt=none", "interaction_required"),
        ("&code_challenge_method=S256", "invalid_request"),
        ("&code_challenge=short", "invalid_request"),
        ("&scope=a&scope=b", "invalid_request"),
    ] {
        let told = browser.authorize(&format!("&state=s%201{more}"));
        let got = (told.status, told.parameter("error").unwrap_or_default(), told.parameter("state"));
        assert_eq!(got, (302, error.to_owned(), Some("s 1".to_owned())), "{more}: {}", told.location);
    }
    let told =
        browser.get(&format!("/oauth2/authorize?response_type=token&client_id=a&redirect_uri={CALLBACK}{hint}"), "");
    assert_eq!(told.parameter("error").as_deref(), Some("unsupported_response_type"));

    api.put("/oauth", &json!({ "consent": "deny" })).expect(200);
    assert_eq!(browser.authorize(&hint).parameter("error").as_deref(), Some("access_denied"));
}

#[test]
fn the_client_gets_the_answer_in_the_mode_that_it_wants() {
    let server = MailServer::start();
    let browser = Browser::of(&server);
    let hint = format!("&state=a%22b&login_hint={BOB}");

    for (mode, start) in
        [("", "http://127.0.0.1:9/cb?"), ("query", "http://127.0.0.1:9/cb?"), ("fragment", "http://127.0.0.1:9/cb#")]
    {
        let told = browser.authorize(&format!("&response_mode={mode}{hint}"));
        assert!(told.location.starts_with(&format!("{start}code=")), "{mode}: {}", told.location);
        let refused = browser.authorize(&format!("&response_mode={mode}&prompt=none"));
        assert!(refused.location.starts_with(&format!("{start}error=interaction%5Frequired&")), "{}", refused.location);
    }
    let posted = browser.authorize(&format!("&response_mode=form_post{hint}"));
    assert_eq!((posted.status, &*posted.location), (200, ""));
    let issuer = format!("name=\"iss\" value=\"{}\"", server.api());
    for part in
        ["action=\"http://127.0.0.1:9/cb\"", "name=\"code\" value=\"", "name=\"state\" value=\"a&quot;b\"", &issuer]
    {
        assert!(posted.text.contains(part), "{part}: {}", posted.text);
    }
    let refused = browser.authorize("&response_mode=form_post&prompt=none");
    assert!(refused.text.contains("name=\"error\" value=\"interaction_required\""), "{}", refused.text);
    let unknown = browser.authorize(&format!("&response_mode=web_message{hint}"));
    assert_eq!((unknown.status, unknown.parameter("error").as_deref()), (302, Some("invalid_request")));
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[test]
fn every_token_names_the_issuer_of_the_metadata() {
    let server = MailServer::start();
    let further = text(&ApiClient::of(&server).post("/servers", &json!({})).expect(201), "id");
    for (issuer, control) in [
        (server.api().to_owned(), "/oauth/tokens".to_owned()),
        (format!("{}/v1/servers/{further}", server.api()), format!("/servers/{further}/oauth/tokens")),
    ] {
        let browser = Browser(issuer.clone());
        let metadata = browser.get("/.well-known/openid-configuration", "").json(200);
        assert_eq!(metadata["issuer"], issuer);

        let granted = browser.tokens(BOB);
        let issued = ApiClient::of(&server).post(control, &json!({ "login": BOB, "scope": "openid mail" })).expect(201);
        for (token, kind) in [(&granted, "access_token"), (&issued, "access_token"), (&issued, "id_token")] {
            assert_eq!(claims(&text(token, kind))["iss"], issuer, "{kind}");
        }
        let about = browser.post("/oauth2/introspect", &format!("token={}", text(&issued, "access_token"))).json(200);
        assert_eq!(about["iss"], issuer);
    }
}

#[test]
fn a_person_chooses_an_account_or_denies() {
    let server = MailServer::builder().account(BOB, "x").account("eve@example.org", "x").start();
    let browser = Browser::of(&server);
    let query = format!("response_type=code&client_id=%3Capp%3E&redirect_uri={CALLBACK}&state=a%22b");

    let form = browser.get(&format!("/oauth2/authorize?{query}"), "");
    assert_eq!(form.status, 200);
    for part in ["&lt;app&gt;", "value=\"a&quot;b\"", &format!("<option value=\"{BOB}\">")] {
        assert!(form.text.contains(part), "{part}: {}", form.text);
    }
    let answer = |more: &str| browser.post("/oauth2/authorize", &format!("{query}{more}"));
    let allowed = answer(&format!("&login={BOB}&decision=approve"));
    assert_eq!((allowed.status, allowed.parameter("code").is_some()), (303, true), "{}", allowed.location);
    for more in ["&login=nobody@example.org&decision=approve", &format!("&login={BOB}&decision=deny"), "&decision=deny"]
    {
        assert_eq!(answer(more).parameter("error").as_deref(), Some("access_denied"), "{more}");
    }
    ApiClient::of(&server).put("/oauth", &json!({ "login": BOB })).expect(200);
    assert!(browser.authorize("").parameter("code").is_some());
    ApiClient::of(&server).put("/oauth", &json!({ "consent": "ask", "login": BOB })).expect(200);
    assert_eq!(browser.authorize("").status, 200);
}

#[test]
fn the_token_endpoint_says_what_is_wrong() {
    let server = MailServer::builder().account(BOB, "secret").start();
    server.clock().pause();
    let browser = Browser::of(&server);
    let code = |more: &str| {
        let answered = browser.authorize(&format!("&login_hint={BOB}{more}"));
        format!("grant_type=authorization_code&code={}", answered.parameter("code").unwrap())
    };
    let pkce = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let uri = format!("&redirect_uri={CALLBACK}");
    for (form, error) in [
        ("".to_owned(), "invalid_request"),
        ("grant_type=implicit".to_owned(), "unsupported_grant_type"),
        ("grant_type=authorization_code".to_owned(), "invalid_request"),
        ("grant_type=authorization_code&code=x".to_owned(), "invalid_grant"),
        (code(""), "invalid_grant"),
        (code("") + &format!("{uri}x"), "invalid_grant"),
        (code("") + &format!("{uri}&code_verifier={VERIFIER}"), "invalid_grant"),
        (code(&pkce) + &uri, "invalid_grant"),
        (code(&pkce) + &format!("{uri}&code_verifier={CHALLENGE}"), "invalid_grant"),
        (code("") + &format!("{uri}&client_id=b"), "invalid_request"),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), "invalid_grant"),
        (format!("grant_type=password&username={BOB}&password=wrong"), "invalid_grant"),
        ("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x".to_owned(), "invalid_grant"),
    ] {
        assert_eq!(browser.token(&form).error(400), error, "{form}");
    }
    let late = code("");
    server.clock().advance(Duration::from_secs(600));
    assert_eq!(browser.token(&format!("{late}{uri}")).error(400), "invalid_grant");
    assert_eq!(browser.post("/oauth2/token", "grant_type=client_credentials").error(401), "invalid_client");
    let tokens = browser.token(&format!("grant_type=password&username={BOB}&password=secret&scope=mail")).json(200);
    let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&tokens, "refresh_token"));
    assert_eq!(browser.token(&format!("{refresh}&scope=mail%20more")).error(400), "invalid_scope");
    let of_another = browser.post("/oauth2/token", &format!("client_id=other&{refresh}"));
    assert_eq!(of_another.error(400), "invalid_grant");

    ApiClient::of(&server).put("/oauth", &json!({ "fail": "temporarily_unavailable" })).expect(200);
    assert_eq!(browser.token(&refresh).error(503), "temporarily_unavailable");
    ApiClient::of(&server).put("/oauth", &json!({ "rotate": false, "access_lifetime": "5s" })).expect(200);
    let again = browser.token(&refresh).json(200);
    assert_eq!((&again["expires_in"], &again["refresh_token"]), (&5.into(), &Value::Null));
    browser.token(&refresh).json(200);
}

#[test]
fn known_clients_prove_who_they_are() {
    let server = MailServer::start();
    let browser = Browser::of(&server);
    let clients = json!([
        { "id": "a b", "secret": "s:1", "redirect_uris": ["http://127.0.0.1/cb", "https://app.example/cb"] },
        { "id": "public" },
    ]);
    ApiClient::of(&server).put("/oauth", &json!({ "clients": clients })).expect(200);
    let grant = "grant_type=client_credentials";
    let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair.as_bytes()));
    let ask = |authorization: &str, form: &str| {
        let answered = browser.ask("POST", "/oauth2/token", authorization, &format!("{grant}{form}"));
        assert_eq!(answered.status == 401, !answered.challenge.is_empty());
        answered.status
    };

    for (authorization, form, status) in [
        (&*basic("a+b:s%3A1"), "", 200),
        ("", "&client_id=a+b&client_secret=s%3A1", 200),
        ("", "&client_id=public", 200),
        (&basic("a+b:wrong"), "", 401),
        ("", "&client_id=a+b", 401),
        ("", "&client_id=stranger", 401),
        ("", "", 401),
        ("Basic !", "", 401),
        (&basic("a+b:s%3A1"), "&client_secret=s%3A1", 400),
    ] {
        assert_eq!(ask(authorization, form), status, "{authorization} {form}");
    }
    for (uri, status) in [
        ("http://127.0.0.1:4711/cb", 302),
        ("https://app.example/cb", 302),
        ("https://app.example/cb/", 400),
        ("https://app.example:1/cb", 400),
        ("http://127.0.0.1.evil.example/cb", 400),
        ("http://127.0.0.1:1/other", 400),
    ] {
        let query = format!("response_type=code&client_id=a+b&redirect_uri={uri}&login_hint={BOB}");
        assert_eq!(browser.get(&format!("/oauth2/authorize?{query}"), "").status, status, "{uri}");
    }
    assert_eq!(browser.post("/oauth2/introspect", "token=x").status, 401);
}

#[test]
fn a_device_waits_until_a_person_enters_its_code() {
    let server = MailServer::start();
    server.clock().pause();
    let browser = Browser::of(&server);
    let begin = || browser.post("/oauth2/device", "client_id=app&scope=mail").json(200);
    let poll = |device: &Value| {
        let code = text(device, "device_code");
        browser.token(&format!("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={code}"))
    };
    let device = begin();

    assert_eq!(poll(&device).error(400), "authorization_pending");
    assert_eq!(poll(&device).error(400), "slow_down");
    server.clock().advance(Duration::from_secs(9));
    assert_eq!(poll(&device).error(400), "slow_down");
    server.clock().advance(Duration::from_secs(15));
    assert_eq!(poll(&device).error(400), "authorization_pending");
    let code = text(&device, "user_code").to_lowercase().replace('-', "");
    assert_eq!(browser.get("/oauth2/activate", "").status, 200);
    assert_eq!(browser.get("/oauth2/activate?user_code=XXXX-XXXX", "").status, 400);
    assert!(browser.get(&format!("/oauth2/activate?user_code={code}"), "").text.contains("<form"));
    assert_eq!(browser.post("/oauth2/activate", &format!("user_code={code}&decision=approve")).status, 400);
    assert_eq!(browser.post("/oauth2/activate", &format!("user_code={code}&login={BOB}")).status, 200);
    assert_eq!(log_in(&server, &text(&poll(&device).json(200), "access_token")), Ok(()));
    assert_eq!(poll(&device).error(400), "invalid_grant");

    let (approved, denied, late) = (begin(), begin(), begin());
    let uri = text(&approved, "verification_uri_complete").replace(server.api(), "");
    assert!(browser.get(&format!("{uri}&login_hint={BOB}"), "").text.contains("The device can continue."));
    poll(&approved).json(200);
    browser.post("/oauth2/activate", &format!("user_code={}&decision=deny", text(&denied, "user_code")));
    assert_eq!(poll(&denied).error(400), "access_denied");
    server.clock().advance(Duration::from_secs(1800));
    assert_eq!(poll(&late).error(400), "expired_token");
    assert_eq!(browser.get(&format!("/oauth2/activate?user_code={}", text(&late, "user_code")), "").status, 400);
}

#[test]
fn a_resource_server_asks_about_tokens() {
    let server = MailServer::builder().account(BOB, "any").access_tokens(BOB, &["tok-1"]).start();
    let browser = Browser::of(&server);
    let tokens = browser.tokens(BOB);
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let is_active = |token: &str| {
        let answer = browser.post("/oauth2/introspect", &format!("token={token}")).json(200);
        let known = answer.as_object().unwrap().len() > 1;
        assert_eq!(answer["active"], known, "{answer}");
        known
    };

    let answer = browser.post("/oauth2/introspect", &format!("token={access}")).json(200);
    assert_eq!(
        (&answer["username"], &answer["client_id"], &answer["scope"]),
        (&BOB.into(), &"app".into(), &"mail".into())
    );
    assert!(is_active(&refresh) && is_active("tok-1") && !is_active("unknown"));
    let bearer = |token: &str| browser.get("/oauth2/userinfo", &format!("Bearer {token}"));
    assert_eq!(bearer(&access).json(200)["email"], BOB);
    assert_eq!((bearer(&refresh).error(401), bearer("x").error(401)), ("invalid_token".into(), "invalid_token".into()));
    assert!(bearer("x").challenge.starts_with("Bearer error=\"invalid_token\""));
    assert_eq!(browser.post("/oauth2/revoke", &format!("client_id=other&token={access}")).status, 200);
    assert!(is_active(&access));
    assert_eq!(browser.post("/oauth2/revoke", &format!("client_id=app&token={refresh}")).status, 200);
    assert!(!is_active(&access) && !is_active(&refresh));
    assert_eq!(browser.post("/oauth2/revoke", "client_id=app&token=unknown").status, 200);
}

#[test]
fn a_test_issues_tokens_and_changes_their_state() {
    let (server, api) = (MailServer::start(), ApiClient::of);
    let api = api(&server);
    let issued = api.post("/oauth/tokens", &json!({ "login": BOB, "lifetime": "1h" })).expect(201);
    let token = text(&issued, "access_token");
    assert_eq!(log_in(&server, &token), Ok(()));

    for (state, why) in [("expired", "the token has expired"), ("revoked", "the token is revoked")] {
        let changed = api.patch(format!("/oauth/tokens/{token}"), &json!({ "state": state })).expect(200);
        assert_eq!((&changed["state"], &changed["login"]), (&state.into(), &BOB.into()));
        assert_eq!(log_in(&server, &token), Err(why.to_owned()));
        api.patch(format!("/oauth/tokens/{token}"), &json!({ "state": "valid" })).expect(200);
        assert_eq!(log_in(&server, &token), Ok(()));
    }
    let all = api.ok("/oauth/tokens");
    let kinds: Vec<&Value> = all["tokens"].as_array().unwrap().iter().map(|token| &token["kind"]).collect();
    assert_eq!(kinds, ["access", "refresh"]);
    assert_eq!(api.patch("/oauth/tokens/x", &json!({ "state": "valid" })).status, 404);
    assert_eq!(api.patch(format!("/oauth/tokens/{token}"), &json!({ "state": "new" })).field(422), "state");
    assert_eq!(api.post("/oauth/tokens", &json!({ "login": "" })).field(422), "login");
    for (settings, field) in [
        (json!({ "consent": "maybe" }), "consent"),
        (json!({ "fail": "invalid" }), "fail"),
        (json!({ "access_lifetime": "soon" }), "access_lifetime"),
    ] {
        assert_eq!(api.put("/oauth", &settings).field(422), field);
    }
    api.put("/oauth", &json!({ "consent": "deny", "refresh_lifetime": "1d" })).expect(200);
    server.reset();
    assert_eq!(api.ok("/oauth")["consent"], "auto");
    assert_eq!(api.ok("/oauth/tokens"), json!({ "tokens": [] }));
}

#[test]
fn each_server_has_its_own_issuer() {
    let server = MailServer::builder().token("s3cret").start();
    let browser = Browser::of(&server);
    let api = ApiClient::of(&server).with(&[("authorization", "Bearer s3cret")]);
    let further = text(&api.post("/servers", &json!({ "name": "b" })).expect(201), "id");
    let url = server.api();

    // Clients of the provider have credentials of their own, so they do not send the token of the API.
    for (path, issuer) in [
        ("/.well-known/openid-configuration".to_owned(), url.to_owned()),
        ("/.well-known/oauth-authorization-server".to_owned(), url.to_owned()),
        (format!("/v1/servers/{further}/.well-known/openid-configuration"), format!("{url}/v1/servers/{further}")),
        (
            format!("/.well-known/oauth-authorization-server/v1/servers/{further}"),
            format!("{url}/v1/servers/{further}"),
        ),
        // The main server has one issuer, wherever its metadata are looked for.
        ("/v1/.well-known/openid-configuration".to_owned(), url.to_owned()),
        ("/.well-known/oauth-authorization-server/v1".to_owned(), url.to_owned()),
    ] {
        let metadata = browser.get(&path, "").json(200);
        assert_eq!(metadata["issuer"], issuer, "{path}");
        for (name, value) in metadata.as_object().unwrap() {
            let is_endpoint = name.ends_with("_endpoint") || name == "jwks_uri";
            assert!(!is_endpoint || value.as_str().unwrap().starts_with(&format!("{issuer}/oauth2/")), "{name}");
        }
        let keys = text(&metadata, "jwks_uri").replace(url, "");
        assert_eq!(browser.get(&keys, "").json(200)["keys"][0]["alg"], "ES256");
    }
    let tokens = Browser(format!("{url}/v1/servers/{further}")).tokens(BOB);
    assert!(log_in(&server, "x").is_ok(), "the main server accepts every token");
    let about = |base: &str| {
        Browser(base.to_owned()).post("/oauth2/introspect", &format!("token={}", text(&tokens, "access_token")))
    };
    assert_eq!(about(&format!("{url}/v1/servers/{further}")).json(200)["active"], true);
    assert_eq!(about(url).json(200)["active"], false);
    assert_eq!(browser.get("/v1/oauth/tokens", "").status, 401);
}

#[test]
fn the_journal_tells_what_clients_asked() {
    let server = MailServer::start();
    let (browser, api) = (Browser::of(&server), ApiClient::of(&server));
    let code = browser.authorize(&format!("&login_hint={BOB}")).parameter("code").unwrap();
    let redeem = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
    let tokens = browser.token(&redeem).json(200);
    let refresh = format!("grant_type=refresh_token&refresh_token={}", text(&tokens, "refresh_token"));
    browser.token(&refresh).json(200);
    browser.token(&refresh).error(400);
    browser.authorize("&prompt=none");
    browser.authorize("&prompt=none&response_mode=form_post");
    browser.authorize("");
    browser.get("/oauth2/authorize?client_id=app", "");
    browser.get("/.well-known/openid-configuration", "").json(200);
    let basic = format!("Basic {}", BASE64.encode(b"app:s3cret"));
    browser.ask("POST", "/oauth2/token", &basic, "grant_type=client_credentials").json(200);
    browser.ask("POST", "/oauth2/introspect", "Basic !", "token=x").error(401);
    browser.get("/oauth2/userinfo", "Bearer x").error(401);
    browser.post("/oauth2/token", &format!("client_id={}", "x".repeat(100_000))).error(400);

    let lines: Vec<String> = server.oauth_requests().iter().map(ToString::to_string).collect();
    let silent = "authorize of app: 302 interaction_required: a person must choose an account, and `prompt` is `none`";
    let long = format!("token of {}…: 400 invalid_request: the parameter `grant_type` is missing", "x".repeat(80));
    assert_eq!(
        lines,
        [
            "authorize of app: 302",
            "token authorization_code of app: 200",
            "token refresh_token of app: 200",
            "token refresh_token of app: 400 invalid_grant: the refresh token is revoked",
            silent,
            &silent.replace("302", "200"),
            "authorize of app: 200",
            "authorize of app: 400 invalid_request: the parameter `redirect_uri` is missing",
            "openid-configuration: 200",
            "token client_credentials of app: 200",
            "introspect: 401 invalid_client: Basic needs id:secret in base64",
            "userinfo: 401 invalid_token: the access token is missing or not valid",
            &long,
        ]
    );
    let refreshes = api.ok("/journal?grant=refresh_token");
    let refreshes = refreshes["records"].as_array().unwrap();
    let errors: Vec<_> = refreshes.iter().map(|its| (&its["kind"], &its["endpoint"], &its["error"])).collect();
    let (kind, endpoint) = (&json!("oauth"), &json!("token"));
    assert_eq!(errors, [(kind, endpoint, &Value::Null), (kind, endpoint, &json!("invalid_grant"))]);
    let all = api.ok("/journal?kind=oauth").to_string();
    for secret in [&*code, &text(&tokens, "access_token"), &text(&tokens, "refresh_token"), "s3cret"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
    assert_eq!(api.ok("/journal?grant=refresh_token&wait=20s&count=2")["records"].as_array().unwrap().len(), 2);
}
