//! Access tokens of accounts: issued, expired and revoked by a test.

use std::time::Duration;

use super::{Account, MailServer};
use crate::base::same_login;
#[cfg(feature = "api")]
use crate::journal::OAuthRequest;
use crate::mail::{TokenChange, TokenState};

/// An access token with which an account logs in, with the SASL mechanisms XOAUTH2 and OAUTHBEARER. It expires by the
/// [clock](MailServer::clock) of the server.
///
/// ```
/// use std::time::Duration;
///
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let token = server.account("bob@example.org").issue_token(Duration::from_secs(3600));
/// server.clock().pause();
/// server.clock().advance(Duration::from_secs(3601));
/// assert!(!token.is_valid());
/// ```
#[derive(Debug, Clone)]
pub struct AccessToken<'s> {
    server: &'s MailServer,
    text: Box<str>,
}

impl<'s> Account<'s> {
    /// Issues an access token, which expires after this time of the server's clock. From now on, the server announces the
    /// mechanisms with tokens to new sessions.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let token = server.account("bob@example.org").issue_token(Duration::from_secs(3600));
    /// assert!(token.is_valid());
    /// ```
    pub fn issue_token(&self, lifetime: Duration) -> AccessToken<'s> {
        let engine = self.server.server.engine();
        let text = engine.update(|world, now| world.issue_token(&self.login, Some(lifetime), now));
        AccessToken { server: self.server, text }
    }

    /// A token that the account has: one of its [list](Account::access_tokens), or one that was issued to it.
    ///
    /// # Panics
    /// If it has no such token.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// server.account("ann").token("tok-1").expire();
    /// ```
    pub fn token(&self, text: &str) -> AccessToken<'s> {
        let engine = self.server.server.engine();
        let is_its = engine.read(|world| {
            world.mail.accounts.tokens().find(text).is_some_and(|its| same_login(&its.login, &self.login))
        });
        assert!(is_its, "the account `{}` does not have the token {text:?}", self.login);
        AccessToken { server: self.server, text: text.into() }
    }

    /// Revokes all tokens of the account, also refresh tokens: what happens when a user changes the password. Returns how
    /// many there are.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let bob = server.account("bob@example.org");
    /// let token = bob.issue_token(Duration::from_secs(3600));
    /// assert_eq!(bob.revoke_tokens(), 1);
    /// assert!(!token.is_valid());
    /// ```
    pub fn revoke_tokens(&self) -> usize {
        let engine = self.server.server.engine();
        engine.update(|world, now| {
            world.change_tokens(|token| same_login(&token.login, &self.login), TokenChange::Revoke, now)
        })
    }
}

#[cfg(feature = "api")]
impl MailServer {
    /// What clients asked the OAuth 2.0 provider, in the order of the answers. A [reset](Self::reset) does not forget
    /// it; [`clear`](Self::clear) does.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // … the client under test works until its token has expired …
    /// # let refresh = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "r-1")];
    /// # let _refused = ureq::post(format!("{}/oauth2/token", server.api())).send_form(refresh);
    /// let requests = server.oauth_requests();
    /// let refreshes = requests.iter().filter(|its| its.grant.as_deref() == Some("refresh_token"));
    /// assert_eq!(refreshes.count(), 1);
    /// ```
    pub fn oauth_requests(&self) -> Vec<OAuthRequest> {
        self.server.engine().read(|world| world.journal.oauth_requests().cloned().collect())
    }
}

impl AccessToken<'_> {
    /// What the client sends.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let token = server.account("bob@example.org").issue_token(Duration::from_secs(3600));
    /// assert!(!token.text().is_empty());
    /// ```
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a login with it succeeds now.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// assert!(server.account("ann").token("tok-1").is_valid());
    /// ```
    pub fn is_valid(&self) -> bool {
        let clock = self.server.server.engine().clock();
        self.server.server.engine().read(|world| {
            let token = world.mail.accounts.tokens().find(&self.text);
            token.is_some_and(|token| token.state(clock.now()) == TokenState::Valid)
        })
    }

    /// Lets it expire now. Open sessions continue.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// token.expire();
    /// assert!(!token.is_valid());
    /// ```
    pub fn expire(&self) {
        self.change(TokenChange::Expire);
    }

    /// Revokes it. Open sessions continue.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// token.revoke();
    /// assert!(!token.is_valid());
    /// ```
    pub fn revoke(&self) {
        self.change(TokenChange::Revoke);
    }

    /// Makes it valid again. It does not expire any more.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// token.revoke();
    /// token.restore();
    /// assert!(token.is_valid());
    /// ```
    pub fn restore(&self) {
        self.change(TokenChange::Restore);
    }

    fn change(&self, change: TokenChange) {
        let engine = self.server.server.engine();
        engine.update(|world, now| world.change_tokens(|token| token.text == self.text, change, now));
    }
}
