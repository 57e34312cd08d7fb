//! The accounts as SASL mechanisms see them, at a time.

use crate::base::Timestamp;
use crate::mail::{Accounts, TokenKind, TokenState};
use crate::sasl::{Credentials, Password, TokenError};

/// What the accounts accept in logins now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountCredentials<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) now: Timestamp,
}

impl Credentials for AccountCredentials<'_> {
    fn password(&self, login: &str) -> Password<'_> {
        match self.accounts.password(login) {
            Some(password) => Password::Is(password),
            None if self.accounts.is_open() => Password::Any,
            None => Password::Unknown,
        }
    }

    fn token(&self, login: Option<&str>, token: &str) -> Result<String, TokenError> {
        let Some(token) = self.accounts.tokens().find(token).filter(|its| its.kind == TokenKind::Access) else {
            // An open list of accounts accepts every token, as it accepts every password.
            let is_open = |login: &&str| self.accounts.is_open() && self.accounts.member(login).is_none();
            return login.filter(is_open).map(str::to_owned).ok_or(TokenError::Unknown);
        };
        // A client that acts for itself has a token for every account, and must name one.
        let login = match login {
            _ if token.login.is_empty() => login.ok_or(TokenError::Unknown)?,
            Some(login) if !login.eq_ignore_ascii_case(&token.login) => return Err(TokenError::OfAnother),
            Some(_) | None => &token.login,
        };
        match token.state(self.now) {
            TokenState::Valid => Ok(login.to_owned()),
            TokenState::Expired => Err(TokenError::Expired),
            TokenState::Revoked => Err(TokenError::Revoked),
            TokenState::InsufficientScope => Err(TokenError::InsufficientScope),
        }
    }
}
