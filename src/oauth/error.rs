//! Errors of OAuth 2.0 (RFC 6749 §4.1.2.1, §5.2, RFC 8628 §3.5, RFC 6750 §3.1).

/// Declares the error codes with their names.
macro_rules! codes {
    ($($(#[$about:meta])* $variant:ident = $name:literal,)*) => {
        /// An error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ErrorCode { $($(#[$about])* $variant,)* }

        impl ErrorCode {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request",
    InvalidClient = "invalid_client",
    InvalidGrant = "invalid_grant",
    InvalidScope = "invalid_scope",
    InvalidToken = "invalid_token",
    UnauthorizedClient = "unauthorized_client",
    UnsupportedGrantType = "unsupported_grant_type",
    UnsupportedResponseType = "unsupported_response_type",
    AccessDenied = "access_denied",
    ServerError = "server_error",
    TemporarilyUnavailable = "temporarily_unavailable",
    /// OpenID Connect Core §3.1.2.6: a person must answer, and the request forbids to ask one.
    InteractionRequired = "interaction_required",
    AuthorizationPending = "authorization_pending",
    SlowDown = "slow_down",
    ExpiredToken = "expired_token",
}

/// An error with its explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) code: ErrorCode,
    pub(crate) description: String,
}

impl OAuthError {
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    pub(super) fn grant(description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }
}
