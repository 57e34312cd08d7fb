//! OAuth 2.0 tokens (RFC 6749 §1.4, §1.5) of accounts, and whether they are valid. The tokens that a scenario or a test
//! gives to an account and those that were issued are in one store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::base::{Timestamp, is_login};

/// The most tokens that are kept beside those that accounts were given; the oldest are forgotten.
const MOST_ISSUED: usize = 10_000;

/// What the texts of tokens that are issued to a test begin with, before a number.
const ISSUED: &str = "issued-";

/// Scopes that identify the user, and allow nothing else (OpenID Connect Core §5.4, §11).
const OF_IDENTITY: &[&str] = &["openid", "profile", "email", "address", "phone", "offline_access"];

/// A token: for whom it was issued, and until when it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Token {
    pub(crate) text: Box<str>,
    pub(crate) login: Box<str>,
    pub(crate) kind: TokenKind,
    /// What it allows, separated by blanks; `None` means everything.
    pub(crate) scope: Option<Box<str>>,
    /// The client that got it, if a client asked for it.
    pub(crate) client: Option<Box<str>>,
    /// The authorization that it came from, with other tokens (RFC 7009 §2.1).
    pub(crate) grant: Option<Box<str>>,
    /// `None` if it was given to the account.
    pub(crate) issued: Option<Timestamp>,
    /// `None` if it does not expire.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) is_revoked: bool,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum TokenKind {
    /// Its bearer may use the mail.
    Access,
    /// Its bearer may get new access tokens.
    #[cfg_attr(not(feature = "api"), allow(dead_code))] // Only the provider issues them.
    Refresh,
}

/// Whether a token is valid at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenState {
    Valid,
    Expired,
    Revoked,
    /// Its scope does not include mail.
    InsufficientScope,
}

/// A change of a token's state by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenChange {
    /// It expires now.
    Expire,
    Revoke,
    /// It is valid again, and does not expire.
    Restore,
}

impl TokenChange {
    /// All of them, with the states that they lead to.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("expired", Self::Expire), ("revoked", Self::Revoke), ("valid", Self::Restore)];
}

/// All tokens of a server, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    tokens: BTreeMap<u64, Token>,
    by_text: BTreeMap<Box<str>, u64>,
    next: u64,
    /// How many of them were issued.
    issued: usize,
    /// The greatest number in a text of [`Tokens::unused`].
    numbered: u64,
}

impl Token {
    /// A token that is given to an account.
    pub(crate) fn given(login: &str, text: &str) -> Self {
        Self {
            text: text.into(),
            login: login.into(),
            kind: TokenKind::Access,
            scope: None,
            client: None,
            grant: None,
            issued: None,
            expires: None,
            is_revoked: false,
        }
    }

    /// The token after a change.
    pub(crate) fn changed(self, change: TokenChange, now: Timestamp) -> Self {
        match change {
            TokenChange::Expire => Self { expires: Some(now), ..self },
            TokenChange::Revoke => Self { is_revoked: true, ..self },
            TokenChange::Restore => Self { expires: None, is_revoked: false, ..self },
        }
    }

    pub(crate) fn state(&self, now: Timestamp) -> TokenState {
        match self {
            Self { is_revoked: true, .. } => TokenState::Revoked,
            Self { expires: Some(at), .. } if *at <= now => TokenState::Expired,
            Self { kind: TokenKind::Access, scope: Some(scope), .. } if !includes_mail(scope) => {
                TokenState::InsufficientScope
            }
            Self { .. } => TokenState::Valid,
        }
    }
}

/// Whether a scope allows more than to learn who the user is. The providers have different names for the scope of mail.
fn includes_mail(scope: &str) -> bool {
    scope.split(' ').any(|its| !its.is_empty() && !OF_IDENTITY.contains(&its))
}

/// The number in the text of a token that was issued to a test.
fn number(token: &Token) -> Option<u64> {
    token.text.strip_prefix(ISSUED)?.parse().ok().filter(|_| token.issued.is_some())
}

impl Tokens {
    pub(crate) fn find(&self, text: &str) -> Option<&Token> {
        self.tokens.get(self.by_text.get(text)?)
    }

    /// All tokens, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// Whether there is a token for logins.
    pub(crate) fn has_access(&self) -> bool {
        self.tokens.values().any(|token| token.kind == TokenKind::Access)
    }

    /// Whether the tokens that accounts were given are as they were then.
    pub(super) fn are_as_given(&self) -> bool {
        let given = self.tokens.values().filter(|token| token.issued.is_none());
        given.clone().all(|token| *token == Token::given(&token.login, &token.text))
    }

    /// Adds a token, or replaces the one with its text.
    pub(super) fn put(&mut self, token: Token) {
        let no = match self.by_text.entry(token.text.clone()) {
            Entry::Occupied(its) => *its.get(),
            Entry::Vacant(free) => {
                self.next += 1;
                *free.insert(self.next)
            }
        };
        self.issued += usize::from(token.issued.is_some());
        self.numbered = self.numbered.max(number(&token).unwrap_or(0));
        let replaced = self.tokens.insert(no, token);
        self.issued -= usize::from(replaced.is_some_and(|token| token.issued.is_some()));
        if self.issued > MOST_ISSUED {
            self.forget_oldest();
        }
    }

    /// The text for the next token that is issued to a test. It is unique and the same in every run; it need not be
    /// unguessable.
    pub(crate) fn unused(&self) -> String {
        let mut texts = (self.numbered + 1..).map(|n| format!("{ISSUED}{n}"));
        texts.find(|text| self.find(text).is_none()).unwrap_or_default()
    }

    /// Replaces the tokens that a login was given.
    pub(super) fn give(&mut self, login: &str, texts: &[Box<str>]) {
        let is_its = is_login(login);
        self.retain(|token| token.issued.is_some() || !is_its(&token.login));
        texts.iter().for_each(|text| self.put(Token::given(login, text)));
    }

    /// Removes the tokens of a login.
    pub(super) fn forget(&mut self, login: &str) {
        let is_its = is_login(login);
        self.retain(|token| !is_its(&token.login));
    }

    pub(super) fn clear(&mut self) {
        self.retain(|_| false);
        self.numbered = 0;
    }

    /// Removes the tokens that were given to accounts.
    pub(super) fn forget_given(&mut self) {
        self.retain(|token| token.issued.is_some());
    }

    fn forget_oldest(&mut self) {
        let issued = |(no, token): (&u64, &Token)| token.issued.is_some().then_some(*no);
        if let Some(oldest) = self.tokens.iter().find_map(issued)
            && let Some(token) = self.tokens.remove(&oldest)
        {
            self.by_text.remove(&token.text);
            self.issued -= 1;
        }
    }

    fn retain(&mut self, keeps: impl Fn(&Token) -> bool) {
        self.tokens.retain(|_, token| keeps(token));
        self.by_text.retain(|_, no| self.tokens.contains_key(no));
        self.issued = self.tokens.values().filter(|token| token.issued.is_some()).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(12);

    fn issued(text: &str) -> Token {
        Token { issued: Some(NOON), ..Token::given("bob", text) }
    }

    #[test]
    fn a_token_is_valid_until_it_expires_or_is_revoked() {
        let valid = issued("tok-1");
        for (token, state) in [
            (valid.clone(), TokenState::Valid),
            (Token { expires: Some(Timestamp::from_micros(13)), ..valid.clone() }, TokenState::Valid),
            (Token { expires: Some(NOON), ..valid.clone() }, TokenState::Expired),
            (Token { expires: Some(NOON), is_revoked: true, ..valid.clone() }, TokenState::Revoked),
            (Token { scope: Some("openid email".into()), ..valid.clone() }, TokenState::InsufficientScope),
            (Token { scope: Some("".into()), ..valid.clone() }, TokenState::InsufficientScope),
            (Token { scope: Some("openid https://mail.google.com/".into()), ..valid.clone() }, TokenState::Valid),
            (Token { scope: Some("openid".into()), kind: TokenKind::Refresh, ..valid }, TokenState::Valid),
        ] {
            assert_eq!(token.state(NOON), state, "{token:?}");
        }
    }

    #[test]
    fn the_oldest_issued_tokens_are_forgotten() {
        let mut tokens = Tokens::default();
        tokens.give("bob", &["given".into()]);
        (0..=MOST_ISSUED).for_each(|i| tokens.put(issued(&i.to_string())));

        assert_eq!((tokens.iter().count(), tokens.by_text.len()), (MOST_ISSUED + 1, MOST_ISSUED + 1));
        assert!(tokens.find("0").is_none() && tokens.find("1").is_some() && tokens.find("given").is_some());
        tokens.put(issued("1"));
        assert!(tokens.find("1").is_some(), "a token that is replaced does not count twice");
    }

    #[test]
    fn the_text_of_an_issued_token_is_not_used_again() {
        let mut tokens = Tokens::default();
        tokens.give("ann", &["issued-2".into()]);
        for wanted in ["issued-1", "issued-3", "issued-4"] {
            let text = tokens.unused();
            assert_eq!(text, wanted);
            tokens.put(issued(&text));
            tokens.forget("bob");
        }

        tokens.clear();

        assert_eq!(tokens.unused(), "issued-1", "a reset begins again");
    }

    #[test]
    fn giving_tokens_replaces_only_those_that_were_given() {
        let mut tokens = Tokens::default();
        tokens.give("bob", &["a".into(), "b".into()]);
        tokens.put(issued("c"));
        tokens.give("BOB", &["b".into()]);

        assert_eq!(tokens.iter().map(|token| &*token.text).collect::<Vec<_>>(), ["c", "b"]);
        tokens.forget("bob");
        assert!(!tokens.has_access() && tokens.find("b").is_none());
    }
}
