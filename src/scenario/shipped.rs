//! The scenarios that come with the library.

/// A scenario that comes with the library.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    /// The folder below `scenarios/`.
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! shipped {
    ($($folder:literal / $name:literal,)*) => {
        /// All shipped scenarios, by folder and name.
        pub(crate) const SHIPPED: &[Shipped] = &[$(Shipped {
            folder: $folder,
            name: $name,
            text: include_str!(concat!("../../scenarios/", $folder, "/", $name, ".toml")),
        },)*];
    };
}

shipped! {
    "any" / "accept-lost-ack",
    "any" / "app-password-required",
    "any" / "cut-mid-reply",
    "any" / "glue-replies",
    "any" / "greeting-never",
    "any" / "greeting-slow-drip",
    "any" / "idle-connection-closed",
    "any" / "oauth-grant-revoked",
    "any" / "scram-wrong-server-signature",
    "any" / "split-every-byte",
    "imap" / "imap-authenticated-not-connected",
    "imap" / "imap-bodystructure-nil-param",
    "imap" / "imap-bye-mid-session",
    "imap" / "imap-caps-change-after-login",
    "imap" / "imap-expunge-during-fetch",
    "imap" / "imap-fetch-ok-without-body",
    "imap" / "imap-idle-goes-silent",
    "imap" / "imap-literal-bomb",
    "imap" / "imap-literal-wrong-size",
    "imap" / "imap-throttled",
    "imap" / "imap-uidvalidity-changes",
    "imap" / "imap-unsolicited-in-fetch",
    "imap" / "imap-xoauth2-token-expires",
    "pop3" / "pop3-maildrop-locked",
    "pop3" / "pop3-missing-terminator",
    "pop3" / "pop3-uidl-duplicates",
    "pop3" / "pop3-unstuffed-dot",
    "smtp" / "smtp-421-after-n",
    "smtp" / "smtp-accepted-then-bounced",
    "smtp" / "smtp-auth-disabled",
    "smtp" / "smtp-banner-multiline",
    "smtp" / "smtp-complaint",
    "smtp" / "smtp-concurrent-connections",
    "smtp" / "smtp-delayed-then-failed",
    "smtp" / "smtp-greylist",
    "smtp" / "smtp-partial-rcpt",
    "smtp" / "smtp-quit-no-reply",
    "smtp" / "smtp-smuggling",
    "tls" / "imap-preauth-no-starttls",
    "tls" / "imap-state-before-starttls",
    "tls" / "starttls-caps-change",
    "tls" / "starttls-command-injection",
    "tls" / "starttls-early-ok",
    "tls" / "starttls-ehlo-rejected",
    "tls" / "starttls-refused",
    "tls" / "starttls-response-injection",
    "tls" / "starttls-stripped",
    "tls" / "starttls-then-close",
    "tls" / "starttls-then-garbage",
    "tls" / "tls-cert-expired",
    "tls" / "tls-cert-refused",
    "tls" / "tls-cert-rotates",
    "tls" / "tls-client-cert-required",
    "tls" / "tls-handshake-stall",
    "tls" / "tls-handshake-then-drop",
    "tls" / "tls-no-common-cipher",
    "tls" / "tls-plaintext-on-tls-port",
    "tls" / "tls-truncation",
    "tls" / "tls-version-too-old",
}

/// The scenario with this name, such as `smtp-greylist` or `smtp/smtp-greylist`.
pub(crate) fn find(name: &str) -> Option<&'static Shipped> {
    let (folder, stem) = name.rsplit_once('/').unzip();
    let stem = stem.unwrap_or(name);
    SHIPPED.iter().find(|its| its.name == stem && folder.is_none_or(|folder| folder == its.folder))
}

impl Shipped {
    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.toml", self.name)
    }

    /// Its lesson, the first line: what a client must do.
    pub(crate) fn lesson(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }
}
