//! The messages of SCRAM (RFC 5802 §7).

use crate::sasl::text::{saslname, saslprep};

/// Whether the client binds the login to the TLS connection (`gs2-cbind-flag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag<'a> {
    /// `n`: the client does not support it.
    Unsupported,
    /// `y`: the client supports it, but believes that the server does not.
    NotOffered,
    /// `p=`, with the type of channel binding.
    Bound(&'a str),
}

/// The client's first message.
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    /// As sent, in the encoding of `saslname`.
    pub(super) authzid: Option<&'a str>,
    pub(super) gs2_header: &'a str,
    pub(super) bare: &'a str,
    /// Whether it has `m=`, an extension that the server must support.
    pub(super) has_mandatory_extension: bool,
    /// As sent, in the encoding of `saslname`.
    pub(super) user: &'a str,
    pub(super) nonce: &'a str,
}

/// The client's second message.
#[derive(Debug)]
pub(super) struct ClientFinal<'a> {
    pub(super) without_proof: &'a str,
    /// In base64.
    pub(super) channel_binding: &'a str,
    pub(super) nonce: &'a str,
    /// In base64.
    pub(super) proof: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(message: &'a str) -> Result<Self, &'static str> {
        const FLAG: &str = "the first message must begin with the flag n, y or p=type, and a comma";
        const AUTHZID: &str = "behind the flag must come a=authzid or nothing, and a comma";
        let (flag, rest) = message.split_once(',').ok_or(FLAG)?;
        let (authzid, bare) = rest.split_once(',').ok_or(AUTHZID)?;
        let flag = match flag {
            "n" => Flag::Unsupported,
            "y" => Flag::NotOffered,
            flag => Flag::Bound(flag.strip_prefix("p=").filter(|kind| is_type(kind)).ok_or(FLAG)?),
        };
        let authzid = match authzid {
            "" => None,
            authzid => Some(authzid.strip_prefix("a=").filter(|its| !its.is_empty()).ok_or(AUTHZID)?),
        };
        let mut attributes = bare.split(',').peekable();
        let has_mandatory_extension = attributes.next_if(|its| its.starts_with("m=")).is_some();
        let user = attributes.next().and_then(|its| its.strip_prefix("n=")).ok_or("n=user must follow the header")?;
        let nonce = attributes.next().and_then(|its| its.strip_prefix("r=")).ok_or("r=nonce must follow n=user")?;
        if user.is_empty() {
            return Err("the user name in n= is empty");
        }
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the nonce in r= must consist of visible ASCII characters without a comma");
        }
        let gs2_header = &message[..message.len() - bare.len()];
        Ok(Self { flag, authzid, gs2_header, bare, has_mandatory_extension, user, nonce })
    }
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a str) -> Result<Self, &'static str> {
        const BINDING: &str = "the second message must begin with c=channel-binding";
        const NONCE: &str = "r=nonce must follow c=channel-binding";
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or("the second message must end with p=proof")?;
        let mut attributes = without_proof.split(',');
        let channel_binding = attributes.next().and_then(|its| its.strip_prefix("c=")).ok_or(BINDING)?;
        let nonce = attributes.next().and_then(|its| its.strip_prefix("r=")).ok_or(NONCE)?;
        Ok(Self { without_proof, channel_binding, nonce, proof })
    }
}

/// The name in a `saslname`, in the form of SASLprep. `None` if the encoding is wrong.
pub(super) fn name(encoded: &str) -> Option<String> {
    saslprep(&saslname(encoded)?).filter(|name| !name.is_empty()).map(Into::into)
}

fn is_type(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_follows_the_grammar() {
        let flag = "the first message must begin with the flag n, y or p=type, and a comma";
        let authzid = "behind the flag must come a=authzid or nothing, and a comma";
        for (message, wanted) in [
            ("n,,n=user,r=abc", Ok((Flag::Unsupported, None, "n,,", false, "user", "abc"))),
            ("y,a=bob,n=us=2Cer,r=abc,x=1", Ok((Flag::NotOffered, Some("bob"), "y,a=bob,", false, "us=2Cer", "abc"))),
            ("p=tls-exporter,,n=u,r=a", Ok((Flag::Bound("tls-exporter"), None, "p=tls-exporter,,", false, "u", "a"))),
            ("n,,m=x,n=u,r=a", Ok((Flag::Unsupported, None, "n,,", true, "u", "a"))),
            ("", Err(flag)),
            ("n=user,r=abc", Err(authzid)),
            ("n,n=user,r=abc", Err(authzid)),
            ("x,,n=user,r=abc", Err(flag)),
            ("p=,,n=user,r=abc", Err(flag)),
            ("p=a_b,,n=user,r=abc", Err(flag)),
            ("n,a=,n=user,r=abc", Err(authzid)),
            ("n,,r=abc,n=user", Err("n=user must follow the header")),
            ("n,,n=user", Err("r=nonce must follow n=user")),
            ("n,,n=,r=abc", Err("the user name in n= is empty")),
            ("n,,n=user,r=", Err("the nonce in r= must consist of visible ASCII characters without a comma")),
            ("n,,n=user,r=a b", Err("the nonce in r= must consist of visible ASCII characters without a comma")),
        ] {
            let got = ClientFirst::parse(message);
            let got = got.map(|its| {
                assert_eq!(format!("{}{}", its.gs2_header, its.bare), message);
                (its.flag, its.authzid, its.gs2_header, its.has_mandatory_extension, its.user, its.nonce)
            });
            assert_eq!(got, wanted, "{message}");
        }
    }

    #[test]
    fn the_second_message_follows_the_grammar() {
        let message = ClientFinal::parse("c=biws,r=abc,x=1,p=cHJvb2Y=").unwrap();
        assert_eq!((message.channel_binding, message.nonce, message.proof), ("biws", "abc", "cHJvb2Y="));
        assert_eq!(message.without_proof, "c=biws,r=abc,x=1");

        for (message, wanted) in [
            ("", "the second message must end with p=proof"),
            ("c=biws,r=abc", "the second message must end with p=proof"),
            ("p=x", "the second message must end with p=proof"),
            ("r=abc,c=biws,p=x", "the second message must begin with c=channel-binding"),
            ("c=biws,p=x", "r=nonce must follow c=channel-binding"),
        ] {
            assert_eq!(ClientFinal::parse(message).map(|_| ()), Err(wanted), "{message}");
        }
    }

    #[test]
    fn a_name_is_decoded_and_prepared() {
        for (encoded, wanted) in
            [("a=2Cb=3Dc", Some("a,b=c")), ("I\u{ad}X", Some("IX")), ("a=2cb", None), ("\u{7}", None), ("\u{ad}", None)]
        {
            assert_eq!(name(encoded).as_deref(), wanted, "{encoded}");
        }
    }
}
