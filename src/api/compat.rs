//! The APIs of other mail servers, so that their clients work without changes: each below a prefix of its own, such as
//! `/mailhog/api/v2/messages`, and at the path that those clients use.

use axum::Router;

use super::{Shared, greenmail, mailhog, mailpit};
use crate::server::Compat;

/// The APIs below their prefixes.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .nest("/mailhog", mailhog::router())
        .nest("/mailpit", mailpit::router())
        .nest("/greenmail", greenmail::router())
}

/// The path with the prefix of the product whose API has it; `None` if none has.
pub(super) fn prefixed(path: &str, compat: Compat) -> Option<String> {
    // `cypress-mailpit` asks for `//view/m1.html`.
    let path = path.trim_start_matches('/');
    let mut segments = path.split('/');
    let (first, second, third, fourth) = (segments.next()?, segments.next(), segments.next(), segments.next());
    let prefix = match (first, second, third, fourth) {
        ("mailpit" | "mailhog" | "greenmail", ..) => "",
        ("view", ..) | ("livez", None, ..) => "/mailpit",
        ("api", Some("v1"), Some("messages"), None | Some("")) if compat == Compat::Mailpit => "/mailpit",
        ("api", Some("v1"), Some("messages" | "events"), _) | ("api", Some("v2"), ..) => "/mailhog",
        ("api", Some("configuration" | "user" | "mail" | "service"), ..) => "/greenmail",
        ("api", ..) => "/mailpit",
        _ => return None,
    };
    Some(format!("{prefix}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_belongs_to_one_product() {
        for (path, expected) in [
            ("/api/v1/messages", "/mailpit"),
            ("/api/v1/message/latest", "/mailpit"),
            ("/api/v1/info", "/mailpit"),
            ("/api/events", "/mailpit"),
            ("/view/latest.html", "/mailpit"),
            ("/livez", "/mailpit"),
            ("/api/v1/messages/m1", "/mailhog"),
            ("/api/v1/messages/m1/download", "/mailhog"),
            ("/api/v1/events", "/mailhog"),
            ("/api/v2/jim", "/mailhog"),
            ("/api/user/ann/messages/", "/greenmail"),
            ("/api/configuration", "/greenmail"),
            ("/mailhog/api/v1/messages", ""),
            ("/greenmail/api/user", ""),
        ] {
            assert_eq!(prefixed(path, Compat::Mailpit), Some(format!("{expected}{path}")));
        }
        assert_eq!(prefixed("/api/v1/messages", Compat::Mailhog).as_deref(), Some("/mailhog/api/v1/messages"));
        assert_eq!(prefixed("/api/v1/info", Compat::Mailhog).as_deref(), Some("/mailpit/api/v1/info"));
        assert_eq!(prefixed("//view/m1.txt", Compat::Mailpit).as_deref(), Some("/mailpit/view/m1.txt"));
        assert_eq!(prefixed("/v1/messages", Compat::Mailhog), None);
        assert_eq!(prefixed("/", Compat::Mailhog), None);
    }
}
