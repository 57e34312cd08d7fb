//! `/v1/tls`: the CA, its CRLs, and the certificates of the server.

use std::sync::Arc;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::blocking::run_blocking;
use super::body::NoBody;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::base::Certificate;
use crate::server::{Issued, NotReloaded, Server};

const PEM: &str = "application/x-pem-file";
const CERTIFICATE: &str = "application/pkix-cert";
const CRL: &str = "application/pkix-crl";

/// A certificate that the server can present.
#[derive(Serialize, ToSchema)]
struct CertificateJson {
    /// Its name in scenarios, such as `wrong-host`.
    name: &'static str,
    /// What it is, in one line.
    about: &'static str,
    /// What a client that verifies certificates has to do: `accept`, `refuse`, or `either`, which depends on the client.
    client_must: &'static str,
    /// The SHA-256 of the first certificate of its chain, in hexadecimal.
    sha256: String,
}

/// The certificates that the server can present.
#[derive(Serialize, ToSchema)]
pub(super) struct CertificateList {
    certificates: Vec<CertificateJson>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(ca))
        .routes(routes!(ca_der))
        .routes(routes!(crl))
        .routes(routes!(crl_pem))
        .routes(routes!(client_certificate))
        .routes(routes!(certificates))
        .routes(routes!(chain))
        .routes(routes!(leaf))
        .routes(routes!(key))
        .routes(routes!(reload))
}

/// Get the CA certificate that clients must trust.
#[utoipa::path(get, path = "/tls/ca.pem", responses(
    (status = 200, description = "The certificate, in PEM.", body = String, content_type = "application/x-pem-file"),
))]
async fn ca(Target(server): Target, _: NoParams) -> Response {
    ([(header::CONTENT_TYPE, PEM)], server.ca().to_owned()).into_response()
}

/// Get the CA certificate that clients must trust, in DER.
#[utoipa::path(get, path = "/tls/ca.der", responses(
    (status = 200, description = "The certificate.", body = Vec<u8>, content_type = "application/pkix-cert"),
))]
async fn ca_der(Target(server): Target, _: NoParams) -> Response {
    ([(header::CONTENT_TYPE, CERTIFICATE)], server.ca_der()).into_response()
}

/// Get the CRL of the CA that signs the server's certificates.
///
/// The certificate `revoked` is on it (RFC 5280 §5).
#[utoipa::path(get, path = "/tls/crl", responses(
    (status = 200, description = "The CRL, in DER.", body = Vec<u8>, content_type = "application/pkix-crl"),
))]
async fn crl(Target(server): Target, _: NoParams) -> Response {
    let [of_intermediate, _] = server.crls();
    ([(header::CONTENT_TYPE, CRL)], of_intermediate).into_response()
}

/// Get the CRLs of both CAs: of the intermediate CA, which signs the server's certificates, and of the root CA.
#[utoipa::path(get, path = "/tls/crl.pem", responses(
    (status = 200, description = "The CRLs, in PEM.", body = String, content_type = "application/x-pem-file"),
))]
async fn crl_pem(Target(server): Target, _: NoParams) -> Response {
    ([(header::CONTENT_TYPE, PEM)], server.crl_pem()).into_response()
}

/// Make a certificate with which a client can log in as a user with EXTERNAL.
///
/// The user is the common name of the certificate, and an rfc822Name if it is an address.
#[utoipa::path(get, path = "/tls/clients/{user}", params(("user" = String, Path, description = "The user, such as `bob@example.org`.")), responses(
    (status = 200, description = "The certificate, signed by the CA, and its private key, in PEM.", body = String, content_type = "application/x-pem-file"),
))]
async fn client_certificate(
    Target(server): Target,
    Path(user): Path<String>,
    _: NoParams,
) -> Result<Response, Problem> {
    let pem = server.client_certificate(&user).map_err(|why| Problem::field("user", why))?;
    Ok(([(header::CONTENT_TYPE, PEM)], pem).into_response())
}

/// List the certificates that the server can present.
#[utoipa::path(get, path = "/tls/certificates", responses(
    (status = 200, description = "The certificates; `own` only if the server was given one.", body = CertificateList),
))]
async fn certificates(Target(server): Target, _: NoParams) -> Result<Json<CertificateList>, Problem> {
    // Those that no client needed yet are made for the list.
    let certificates = run_blocking(move || {
        let issued = |certificate: &Certificate| Some((*certificate, server.certificate(*certificate).ok()?));
        Certificate::ALL.iter().filter_map(issued).map(|(its, issued)| CertificateJson::of(its, &issued)).collect()
    });
    Ok(Json(CertificateList { certificates: certificates.await? }))
}

/// Get the chain of a certificate.
#[utoipa::path(get, path = "/tls/certificates/{certificate}/chain.pem", params(("certificate" = String, Path, description = "The certificate, such as `expired`.")), responses(
    (status = 200, description = "The certificates as the server sends them, in PEM.", body = String, content_type = "application/x-pem-file"),
))]
async fn chain(Target(server): Target, Path(name): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let issued = issued(server, name).await?;
    Ok(([(header::CONTENT_TYPE, PEM)], issued.chain_pem()).into_response())
}

/// Get the first certificate of a chain, in DER.
#[utoipa::path(get, path = "/tls/certificates/{certificate}/leaf.der", params(("certificate" = String, Path, description = "The certificate, such as `expired`.")), responses(
    (status = 200, description = "The certificate; of `garbage`, what is in its place.", body = Vec<u8>, content_type = "application/pkix-cert"),
))]
async fn leaf(Target(server): Target, Path(name): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let issued = issued(server, name).await?;
    Ok(([(header::CONTENT_TYPE, CERTIFICATE)], issued.leaf().to_vec()).into_response())
}

/// Get the private key with which the server signs when it presents a certificate, other than `own`.
#[utoipa::path(get, path = "/tls/certificates/{certificate}/key.pem", params(("certificate" = String, Path, description = "The certificate, such as `expired`.")), responses(
    (status = 200, description = "The key, in PEM.", body = String, content_type = "application/x-pem-file"),
))]
async fn key(Target(server): Target, Path(name): Path<String>, _: NoParams) -> Result<Response, Problem> {
    if name == Certificate::Own.name() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "the key of the certificate `own` is not given away"));
    }
    let issued = issued(server, name).await?;
    Ok(([(header::CONTENT_TYPE, PEM)], issued.key_pem()).into_response())
}

/// Read the files of the certificate `own` again.
///
/// Sessions that begin afterwards get the new one. If the files cannot be used, the server keeps the one that it has.
#[utoipa::path(post, path = "/tls/reload", responses(
    (status = 204, description = "The certificate is the one of the files."),
    (status = 409, description = "The server was not given files."),
    (status = 422, description = "A file cannot be used; which one and why."),
))]
async fn reload(Target(server): Target, _: NoParams, _: NoBody) -> Result<StatusCode, Problem> {
    match run_blocking(move || server.reload_certificate()).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotReloaded::NoFiles) => Err(Problem::new(StatusCode::CONFLICT, NotReloaded::NoFiles.to_string())),
        Err(NotReloaded::Unusable(why)) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
    }
}

/// The certificate of this name. `long-chain` takes some milliseconds to make.
async fn issued(server: Arc<Server>, name: String) -> Result<Arc<Issued>, Problem> {
    let certificate = Certificate::named(&name).ok_or_else(|| Problem::none("certificate", &name))?;
    let issued = run_blocking(move || server.certificate(certificate)).await?;
    issued.map_err(|why| Problem::new(StatusCode::NOT_FOUND, why))
}

impl CertificateJson {
    fn of(certificate: Certificate, issued: &Issued) -> Self {
        let client_must = match (certificate.must_be_accepted(), certificate.must_be_refused()) {
            (true, _) => "accept",
            (false, true) => "refuse",
            (false, false) => "either",
        };
        let sha256 = HEXLOWER.encode(digest(&SHA256, issued.leaf()).as_ref());
        Self { name: certificate.name(), about: certificate.about(), client_must, sha256 }
    }
}
