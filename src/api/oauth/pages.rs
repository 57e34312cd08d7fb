//! What a person sees in a browser: the pages of the authorization endpoint and of the device flow.

use axum::Extension;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use html_escape::encode_double_quoted_attribute as attribute;
use ring::digest::{SHA256, digest};

use super::super::target::Target;
use super::request::{ClientForm, Issuer, uncached};
use crate::oauth::{AuthorizationAnswer, AuthorizationRequest, Authorized, ErrorCode, FormParams, OAuthError};
use crate::server::Server;
use crate::world::World;

/// Sends the form of an answer, if the browser runs scripts.
const SUBMIT: &str = "document.forms[0].submit()";

/// What of a request for consent is not repeated in the form.
const ANSWERS: &[&str] = &["login", "login_hint", "decision"];

/// Ask for an authorization code (RFC 6749 §4.1.1).
///
/// Redirects to `redirect_uri` with `code` and `state`, at once if the account is known: from `login_hint`, the settings,
/// or because there is only one. Otherwise it shows a form in which a person chooses an account, or denies. PKCE (RFC
/// 7636) is supported.
#[utoipa::path(get, path = "/oauth2/authorize", params(
    ("response_type" = String, Query, description = "`code`."),
    ("client_id" = String, Query, description = "The client."),
    ("redirect_uri" = String, Query, description = "Where the browser is sent."),
    ("scope" = Option<String>, Query, description = "What the client wants; default `mail`."),
    ("response_mode" = Option<String>, Query, description = "How the client gets the answer: `query` (default), `fragment` or `form_post`."),
    ("state" = Option<String>, Query, description = "Is repeated in the answer."),
    ("nonce" = Option<String>, Query, description = "Is repeated in the id token."),
    ("code_challenge" = Option<String>, Query, description = "The challenge of PKCE."),
    ("code_challenge_method" = Option<String>, Query, description = "`S256` or `plain`."),
    ("login_hint" = Option<String>, Query, description = "The account."),
    ("prompt" = Option<String>, Query, description = "`none`: no person is asked."),
), responses(
    (status = 200, description = "The form, or with `form_post` a page that posts the answer.", body = String, content_type = "text/html"),
    (status = 302, description = "The redirection with the code or an error."),
    (status = 400, description = "The client or its redirect URI is not valid.", body = String, content_type = "text/html"),
))]
pub(super) async fn authorize(target: Target, issuer: Issuer, request: ClientForm) -> Response {
    answer(target, &issuer, &request.form, StatusCode::FOUND)
}

/// Answer the form of the authorization endpoint, with its parameters, `login` and `decision`.
#[utoipa::path(post, path = "/oauth2/authorize", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The form, if no account was chosen.", body = String, content_type = "text/html"),
    (status = 303, description = "The redirection with the code or an error."),
    (status = 400, description = "The client or its redirect URI is not valid.", body = String, content_type = "text/html"),
))]
pub(super) async fn authorized(target: Target, issuer: Issuer, request: ClientForm) -> Response {
    answer(target, &issuer, &request.form, StatusCode::SEE_OTHER)
}

fn answer(Target(server): Target, Issuer(issuer): &Issuer, form: &FormParams, redirection: StatusCode) -> Response {
    let read = server.engine().read(|world| AuthorizationRequest::read(form, &world.provider, issuer));
    let request = match read {
        Err(why) => return refusal("The request is not valid", &why),
        Ok(Err(answer)) => return to_client(&answer, redirection),
        Ok(Ok(request)) => request,
    };
    let what = wants(request.client(), request.scope());
    let authorized = server.engine().update(|world, now| {
        let accounts = &world.mail.accounts;
        let only = only_login(world);
        world.provider.authorize(request, (only.as_deref(), |login| accounts.known(login).is_some()), now)
    });
    match authorized {
        Authorized::Answer(answer) => to_client(&answer, redirection),
        Authorized::Ask => {
            let hint = form.get("login_hint").ok().flatten().unwrap_or_default();
            let fields = hidden(form.iter().filter(|(name, _)| !ANSWERS.contains(name)));
            page(StatusCode::OK, "Allow access?", &consent(&server, &what, &fields, hint))
        }
    }
}

/// Sends the browser to the client, or lets it post a form there.
fn to_client(answer: &AuthorizationAnswer, redirection: StatusCode) -> Response {
    let mut response = match answer.location() {
        Some(uri) => (redirection, uncached(), [(header::LOCATION, uri)]).into_response(),
        None => {
            let fields = hidden(answer.parameters.iter().map(|(name, value)| (*name, &**value)));
            let action = attribute(&answer.redirect_uri);
            let form = format!("<form method=\"post\" action=\"{action}\">{fields}<button>Continue</button></form>");
            page(StatusCode::OK, "Back to the application", &format!("{form}<script>{SUBMIT}</script>"))
        }
    };
    if let Some(error) = &answer.error {
        response.extensions_mut().insert(error.clone());
    }
    response
}

/// Enter the code of a device (RFC 8628 §3.3).
///
/// Approves at once if the code is in the query and the account is known, as at the authorization endpoint. Otherwise it
/// shows a form.
#[utoipa::path(get, path = "/oauth2/activate", params(
    ("user_code" = Option<String>, Query, description = "The code that the device shows."),
    ("login_hint" = Option<String>, Query, description = "The account."),
), responses(
    (status = 200, description = "The page.", body = String, content_type = "text/html"),
    (status = 400, description = "The code is not valid.", body = String, content_type = "text/html"),
))]
pub(super) async fn activate(Target(server): Target, ClientForm { form, .. }: ClientForm) -> Response {
    let value = |name| form.get(name).ok().flatten();
    let Some(code) = value("user_code") else {
        let field = "<label>Code <input name=\"user_code\" required></label>";
        return page(StatusCode::OK, "Enter the code of the device", &consent(&server, "", field, ""));
    };
    let hint = value("login_hint");
    let decided = server.engine().update(|world, now| {
        let (client, scope) = world.provider.device(code, now)?;
        let what = wants(client, scope);
        let login = world.provider.chosen(hint, only_login(world).as_deref());
        match login {
            _ if world.provider.denies() => world.provider.decide_device(code, None, now).map(|()| None),
            Some(login) => decide(world, code, login, now).map(|()| None),
            None => Ok(Some(what)),
        }
    });
    match decided {
        Ok(None) => page(StatusCode::OK, "Done", &paragraph("The device can continue.")),
        Ok(Some(what)) => {
            let field = hidden([("user_code", code)].into_iter());
            page(StatusCode::OK, "Allow access?", &consent(&server, &what, &field, hint.unwrap_or_default()))
        }
        Err(why) => refusal("The code is not valid", why),
    }
}

/// Answer the form of the device flow: `user_code`, `login`, and `decision` (`approve` or `deny`).
#[utoipa::path(post, path = "/oauth2/activate", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The device gets its answer.", body = String, content_type = "text/html"),
    (status = 400, description = "The code or the account is not valid.", body = String, content_type = "text/html"),
))]
pub(super) async fn activated(Target(server): Target, request: ClientForm) -> Response {
    let value = |name| request.form.get(name).ok().flatten();
    let code = value("user_code").unwrap_or_default();
    let is_approved = value("decision").is_none_or(|decision| decision == "approve");
    let decided = server.engine().update(|world, now| match value("login") {
        _ if !is_approved => world.provider.decide_device(code, None, now),
        Some(login) => decide(world, code, login.to_owned(), now),
        None => Err("choose an account: `login`"),
    });
    match decided {
        Ok(()) => page(StatusCode::OK, "Done", &paragraph("The device can continue.")),
        Err(why) => refusal("The code is not valid", why),
    }
}

fn decide(world: &mut World, code: &str, login: String, now: crate::base::Timestamp) -> Result<(), &'static str> {
    if world.mail.accounts.known(&login).is_none() {
        return Err("there is no such account");
    }
    world.provider.decide_device(code, Some(login), now)
}

/// The login of the only account that may log in.
fn only_login(world: &World) -> Option<String> {
    let accounts = &world.mail.accounts;
    let mut logins = accounts.logins();
    let (first, second) = (logins.next(), logins.next());
    first.filter(|_| second.is_none() && !accounts.is_open()).map(str::to_owned)
}

fn wants(client: &str, scope: Option<&str>) -> String {
    paragraph(&format!("The application {client} asks for: {}", scope.unwrap_or("mail")))
}

/// Fields that a person does not see.
fn hidden<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let field =
        |(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", attribute(name), attribute(value));
    fields.map(field).collect()
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", html_escape::encode_text(text))
}

/// A form in which a person chooses an account.
fn consent(server: &Server, what: &str, fields: &str, hint: &str) -> String {
    let logins: Vec<String> = server.engine().read(|world| {
        let accounts = &world.mail.accounts;
        let open = accounts.iter().map(|(_, account)| &*account.login).filter(|login| accounts.member(login).is_none());
        accounts.logins().chain(open).map(str::to_owned).collect()
    });
    let options: String = logins.iter().map(|login| format!("<option value=\"{}\">", attribute(login))).collect();
    format!(
        "{what}<form method=\"post\">{fields}<label>Account <input name=\"login\" list=\"logins\" value=\"{}\" required>\
         </label><datalist id=\"logins\">{options}</datalist>\
         <button name=\"decision\" value=\"approve\">Allow</button>\
         <button name=\"decision\" value=\"deny\" formnovalidate>Deny</button></form>",
        attribute(hint)
    )
}

/// A page for an error that the client must not learn of (RFC 6749 §4.1.2.1).
fn refusal(title: &str, why: &str) -> Response {
    let error = OAuthError::new(ErrorCode::InvalidRequest, why);
    (Extension(error), page(StatusCode::BAD_REQUEST, title, &paragraph(why))).into_response()
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let script = BASE64.encode(digest(&SHA256, SUBMIT.as_bytes()).as_ref());
    let policy =
        format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; frame-ancestors 'none'");
    let policy = [(header::CONTENT_SECURITY_POLICY, policy)];
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} – mailjig</title><style>body{{font:16px sans-serif;max-width:30em;margin:3em auto}}\
         label{{display:block;margin:1em 0}}</style><h1>{title}</h1>{body}</html>"
    );
    (status, uncached(), policy, Html(html)).into_response()
}
