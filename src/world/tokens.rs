//! Tokens of accounts: issued by a test, and changed while clients have them.

use std::time::Duration;

use super::World;
use crate::base::Timestamp;
use crate::journal::{OAuthRequest, RecordKind};
use crate::mail::{Token, TokenChange};

impl World {
    /// Issues an access token for an account. Without a lifetime, it does not expire.
    pub(crate) fn issue_token(&mut self, login: &str, lifetime: Option<Duration>, now: Timestamp) -> Box<str> {
        let text = self.mail.accounts.tokens().unused();
        let expires = lifetime.map(|lifetime| now.plus(lifetime));
        let token = Token { issued: Some(now), expires, ..Token::given(login, &text) };
        self.put_tokens(vec![token], now);
        text.into()
    }

    /// Stores tokens, in place of those with their texts.
    pub(crate) fn put_tokens(&mut self, tokens: Vec<Token>, now: Timestamp) {
        self.outside(now, |txn| tokens.into_iter().for_each(|token| txn.put_token(token)));
    }

    /// Records what a client asked the OAuth 2.0 provider.
    pub(crate) fn oauth_requested(&mut self, request: OAuthRequest, now: Timestamp) {
        self.journal.note_of(now, None, RecordKind::OAuth(Box::new(request)));
        self.keep_bounds(now);
    }

    /// Changes the state of tokens. Returns how many there are.
    pub(crate) fn change_tokens(
        &mut self,
        which: impl Fn(&Token) -> bool,
        change: TokenChange,
        now: Timestamp,
    ) -> usize {
        self.outside(now, |txn| txn.change_tokens(which, change))
    }
}
