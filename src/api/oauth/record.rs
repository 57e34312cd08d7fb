//! The record of a request at an endpoint of the provider.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::super::target::Target;
use super::request::ClientForm;
use crate::base::shown;
use crate::journal::OAuthRequest;
use crate::oauth::OAuthError;

/// Reads the parameters of a request, lets an endpoint answer it, and records both before the client has the answer.
pub(super) async fn record(Target(server): Target, mut request: Request, next: Next) -> Response {
    let endpoint = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let (mut client, mut grant) = (None, None);
    let response = match ClientForm::take(&mut request).await {
        Ok(sent) => {
            client = sent.client.as_ref().map(|its| shown(its.id().as_bytes()));
            grant = sent.form.get("grant_type").ok().flatten().map(|its| shown(its.as_bytes()));
            request.extensions_mut().insert(sent);
            next.run(request).await
        }
        Err(refused) => refused,
    };
    let error = response.extensions().get::<OAuthError>();
    let made = OAuthRequest {
        endpoint,
        client,
        grant,
        status: response.status().as_u16(),
        error: error.map(|error| error.code.name().to_owned()),
        reason: error.map(|error| error.description.clone()),
    };
    server.engine().update(|world, now| world.oauth_requested(made, now));
    response
}
