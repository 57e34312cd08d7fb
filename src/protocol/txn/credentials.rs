//! The accounts as SASL mechanisms see them, at a time.

use crate::base::{Timestamp, same_login};
use crate::mail::{Accounts, TokenKind, TokenState};
use crate::sasl::{Credentials, Password, TokenError};

/// What the accounts accept in logins now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountCredentials<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) now: Timestamp,
    /// Whether none are valid, because a rule refuses the login.
    pub(super) are_refused: bool,
}

impl Credentials for AccountCredentials<'_> {
    fn password(&self, login: &str) -> Password<'_> {
        match self.accounts.member(login) {
            _ if self.are_refused => Password::Unknown,
            Some(member) => member.password().map_or(Password::Unknown, Password::Is),
            None if self.accounts.is_open() => Password::Any,
            None => Password::Unknown,
        }
    }

    fn token(&self, login: Option<&str>, token: &str) -> Result<String, TokenError> {
        if self.are_refused {
            return Err(TokenError::Unknown);
        }
        let Some(token) = self.accounts.tokens().find(token).filter(|its| its.kind == TokenKind::Access) else {
            // An open list of accounts accepts every token, as it accepts every password.
            let is_open = |login: &&str| self.accounts.is_open() && self.accounts.member(login).is_none();
            return login.filter(is_open).map(str::to_owned).ok_or(TokenError::Unknown);
        };
        // A client that acts for itself has a token for every account, and must name one.
        let login = match login {
            _ if token.login.is_empty() => login.ok_or(TokenError::Unknown)?,
            Some(login) if !same_login(login, &token.login) => return Err(TokenError::OfAnother),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Member, Namespace};

    #[test]
    fn tokens_stand_in_place_of_the_password() {
        let member = |login: &str, password: &str, tokens: &[&str]| Member {
            login: login.into(),
            password: password.into(),
            tokens: tokens.iter().map(|token| Box::from(*token)).collect(),
            addresses: Vec::new(),
        };
        let members =
            vec![member("token", "", &["tok-1"]), member("both", "x", &["tok-2"]), member("neither", "", &[])];
        let accounts = Accounts::new(members, Namespace::default(), 1);
        let credentials =
            AccountCredentials { accounts: &accounts, are_refused: false, now: Timestamp::from_micros(0) };

        for (login, password) in [
            ("token", Password::Unknown),
            ("both", Password::Is("x")),
            ("neither", Password::Is("")),
            ("nobody", Password::Unknown),
        ] {
            assert_eq!(credentials.password(login), password, "{login}");
        }
        assert_eq!(credentials.token(Some("token"), "tok-1").as_deref(), Ok("token"));
    }
}
