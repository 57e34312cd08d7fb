use super::super::tests::Store;
use super::*;
use crate::sasl::TokenError;

const EXPORTER: [u8; 32] = [7; 32];

fn channel() -> Channel {
    Channel { exporter: Some(EXPORTER), certificate: b"certificate".to_vec(), client: None }
}

/// A client of the test: its side of the exchange, with the values that a case changes.
struct Client {
    mechanism: Mechanism,
    hash: Hash,
    first: &'static str,
    password: &'static str,
    /// The data of the channel binding.
    binding: Vec<u8>,
}

impl Client {
    fn new(first: &'static str) -> Self {
        Self { mechanism: SHA_256, hash: Hash::Sha256, first, password: "secret", binding: Vec::new() }
    }

    fn plus(first: &'static str, binding: &[u8]) -> Self {
        Self { mechanism: SHA_256_PLUS, binding: binding.to_vec(), ..Self::new(first) }
    }

    /// Logs in, with a change to the last message. Returns the challenges, and whether the login is proven; or why a
    /// message is malformed.
    fn log_in(&self, edit: impl Fn(String) -> String) -> Result<(Vec<String>, bool), &'static str> {
        let channel = channel();
        let channel = self.mechanism.needs_channel_binding.then_some(&channel);
        let context = Context {
            host: "test",
            session: 1,
            seed: 1,
            channel,
            announces_channel_binding: channel.is_some(),
            ..Context::default()
        };
        let mut exchange = (self.mechanism.begin)(&context);
        let mut challenges = Vec::new();
        let mut response = self.first.to_owned();
        loop {
            exchange = match exchange.step(response.as_bytes(), &Store) {
                SaslStep::Next(next) => next,
                SaslStep::Verdict(verdict) => return Ok((challenges, verdict.is_proven())),
                SaslStep::Malformed(why) | SaslStep::Impossible(why) => return Err(why),
            };
            let challenge = String::from_utf8(exchange.challenge()).unwrap();
            response = if challenge.starts_with("r=") { edit(self.last(&challenge)) } else { String::new() };
            challenges.push(challenge);
        }
    }

    /// The last message, after this challenge.
    fn last(&self, challenge: &str) -> String {
        let bare = self.first.splitn(3, ',').nth(2).unwrap();
        let header = &self.first[..self.first.len() - bare.len()];
        let binding = BASE64.encode(&[header.as_bytes(), &self.binding].concat());
        let (nonce, rest) = challenge.split_once(",s=").unwrap();
        let salt = BASE64.decode(rest.strip_suffix(",i=4096").unwrap().as_bytes()).unwrap();
        let without_proof = format!("c={binding},{nonce}");
        let messages = [bare, challenge, &without_proof].join(",");
        let proofs = self.hash.proofs(self.password, &salt, &messages);
        format!("{without_proof},p={}", BASE64.encode(&proofs.client))
    }
}

#[test]
fn each_mechanism_proves_the_login() {
    for (mechanism, hash) in [
        (SHA_1, Hash::Sha1),
        (SHA_256, Hash::Sha256),
        (SHA_512, Hash::Sha512),
        (SHA_1_PLUS, Hash::Sha1),
        (SHA_256_PLUS, Hash::Sha256),
        (SHA_512_PLUS, Hash::Sha512),
    ] {
        let name = mechanism.name;
        let client = match mechanism.needs_channel_binding {
            true => Client { mechanism, hash, ..Client::plus("p=tls-exporter,,n=tim,r=abc", &EXPORTER) },
            false => Client { mechanism, hash, ..Client::new("n,,n=tim,r=abc") },
        };

        let (challenges, is_proven) = client.log_in(|last| last).unwrap();
        let (again, _) = client.log_in(|last| last).unwrap();

        assert!(is_proven && challenges.len() == 2 && challenges[1].starts_with("v="), "{name}: {challenges:?}");
        assert_eq!(challenges, again, "{name}: the same client gets the same challenges");
        let wrong = Client { password: "wrong", ..client };
        let (refused, is_proven) = wrong.log_in(|last| last).unwrap();
        assert_eq!((refused.len(), is_proven), (1, false), "{name}");
    }
}

#[test]
fn an_unknown_user_is_refused_like_a_wrong_password() {
    for user in ["n,,n=nobody,r=abc", "n,,n=tim,r=abc"] {
        let client = Client { password: "wrong", ..Client::new(user) };

        let (challenges, is_proven) = client.log_in(|last| last).unwrap();

        assert_eq!((challenges.len(), is_proven), (1, false), "{user}");
    }
}

#[test]
fn what_the_first_message_asks_for_is_granted_or_refused() {
    let server_end_point = digest(&SHA256, b"certificate").as_ref().to_vec();
    for (client, wanted) in [
        (Client::new("n,a=tim,n=tim,r=abc"), Ok("v=")),
        (Client::new("n,a=ti=2Cm,n=ti=2Cm,r=abc,x=extension"), Ok("v=")),
        (Client::new("y,,n=tim,r=abc"), Ok("v=")),
        (Client::plus("p=tls-server-end-point,,n=tim,r=abc", &server_end_point), Ok("v=")),
        (Client::plus("p=tls-exporter,,n=tim,r=abc", b"of another connection"), Ok("e=channel-bindings-dont-match")),
        (Client::plus("p=tls-unique,,n=tim,r=abc", b""), Ok("e=unsupported-channel-binding-type")),
        (Client::new("p=tls-exporter,,n=tim,r=abc"), Ok("e=channel-binding-not-supported")),
        (Client::new("n,,m=x,n=tim,r=abc"), Ok("e=extensions-not-supported")),
        (Client::new("n,,n=t=im,r=abc"), Ok("e=invalid-username-encoding")),
        (Client::new("n,a=bob,n=tim,r=abc"), Ok("e=other-error")),
        (Client::plus("n,,n=tim,r=abc", b""), Err("a mechanism with channel binding needs the flag p=type")),
        (Client::new("n,,n=,r=abc"), Err("the user name in n= is empty")),
    ] {
        let got = client.log_in(|last| last);
        match (&got, wanted) {
            (Ok((challenges, is_proven)), Ok(wanted)) => {
                let last = challenges.last().unwrap();
                assert!(last.starts_with(wanted) && *is_proven == (wanted == "v="), "{}: {got:?}", client.first);
            }
            _ => assert_eq!(got.map(|_| ""), wanted, "{}", client.first),
        }
    }
}

/// RFC 5802 §6: the client supports channel binding, but did not see the mechanism that the server announced.
#[test]
fn a_removed_mechanism_is_noticed() {
    let channel = channel();
    let context = Context { channel: Some(&channel), announces_channel_binding: true, ..Context::default() };

    for (first, is_refused) in [(&b"y,,n=tim,r=abc"[..], true), (b"n,,n=tim,r=abc", false)] {
        let SaslStep::Next(next) = begin(Hash::Sha1, false, &context).step(first, &Store) else {
            panic!("no challenge")
        };

        assert_eq!(next.is_refused(), is_refused);
        assert_eq!(next.challenge() == b"e=server-does-support-channel-binding", is_refused);
    }
}

#[test]
fn what_does_not_fit_the_challenge_is_refused() {
    type Edit = fn(String) -> String;
    let edits: &[(Edit, Result<&str, &str>)] = &[
        (|last| last.replace(",r=abc", ",r=xyz"), Ok("e=other-error")),
        (|last| last.replace("c=biws", "c=eSws"), Ok("e=channel-bindings-dont-match")),
        (|last| last.replace("c=biws", "c=!"), Ok("e=invalid-encoding")),
        (|last| last + "!", Ok("e=invalid-encoding")),
        (|last| last.replace(",p=", ",x=extension,p="), Ok("")),
        (|last| last.split(",p=").next().unwrap().to_owned() + ",p=", Ok("")),
        (|last| last.replace(",p=", ""), Err("the second message must end with p=proof")),
        (|_| String::new(), Err("the second message must end with p=proof")),
    ];
    for (edit, wanted) in edits {
        let got = Client::new("n,,n=tim,r=abc").log_in(edit);

        let got = got.map(|(challenges, is_proven)| (challenges.get(1).cloned().unwrap_or_default(), is_proven));
        assert_eq!(got, wanted.map(|error| (error.to_owned(), false)));
    }
}

#[test]
fn the_login_is_known_from_the_first_message_on() {
    let exchange = begin(Hash::Sha1, false, &Context::default());
    assert_eq!((exchange.login(), exchange.has_credentials_next(), exchange.is_random()), (None, false, false));

    let SaslStep::Next(challenge) = exchange.step(b"n,,n=tim,r=abc", &Store) else { panic!("there is no challenge") };

    assert_eq!((challenge.login(), challenge.has_credentials_next()), (Some("tim"), true));
    assert!(challenge.is_random() && !challenge.is_refused());
}

/// Accounts ignore the case of logins, so the salt does too.
#[test]
fn the_salt_of_a_user_does_not_depend_on_the_spelling() {
    let challenge = |first: &[u8]| {
        let exchange = begin(Hash::Sha1, false, &Context::default());
        let SaslStep::Next(challenge) = exchange.step(first, &Store) else { panic!("there is no challenge") };
        assert_ne!(challenge.login(), None);
        challenge.challenge()
    };

    assert_eq!(challenge(b"n,,n=TIM,r=abc"), challenge(b"n,,n=tim,r=abc"));
    assert_ne!(challenge(b"n,,n=bob,r=abc"), challenge(b"n,,n=tim,r=abc"));
}

/// The time of an answer must not tell who exists.
#[test]
fn the_keys_of_an_unknown_user_are_derived_too() {
    let client = Client { password: "guess of nobody", ..Client::new("n,,n=nobody,r=abc") };

    assert_eq!(client.log_in(|last| last).map(|(_, is_proven)| is_proven), Ok(false));

    assert!(Hash::Sha256.is_known("", &salt("nobody")));
}

#[test]
fn without_passwords_no_login_is_possible() {
    struct Open;
    impl Credentials for Open {
        fn password(&self, _login: &str) -> Password<'_> {
            Password::Any
        }

        fn token(&self, _login: Option<&str>, _token: &str) -> Result<String, TokenError> {
            Err(TokenError::Unknown)
        }
    }
    let SaslStep::Next(challenge) = begin(Hash::Sha1, false, &Context::default()).step(b"n,,n=tim,r=abc", &Open) else {
        panic!("there is no challenge")
    };

    assert!(matches!(challenge.step(b"c=biws,r=abc,p=eA==", &Open), SaslStep::Impossible(NO_PASSWORD)));
}
