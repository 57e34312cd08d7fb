//! The manual: one chapter for each subject.

/// Rules, scenario files and expectations, with the reference of the language.
#[doc = include_str!("scenarios.md")]
pub mod scenarios {}

/// The scenarios that come with mailjig.
#[doc = include_str!("catalogue.md")]
pub mod catalogue {}

/// The SMTP listeners: STARTTLS, extensions, accounts, certificates, limits.
#[doc = include_str!("smtp.md")]
pub mod smtp {}

/// The IMAP and POP3 listeners, section by section of the RFCs.
#[doc = include_str!("protocols.md")]
pub mod protocols {}

/// TLS: certificates, handshakes that fail as told, what is known of each, and the audit of a client.
#[doc = include_str!("tls.md")]
pub mod tls {}

/// The program `mailjig`: running a command with a server, options, variables and the configuration file.
#[doc = include_str!("cli.md")]
pub mod cli {}

/// The routes of the HTTP API.
#[doc = include_str!("http.md")]
pub mod http {}

/// Access tokens, and the fake OAuth 2.0 provider that issues them.
#[doc = include_str!("oauth.md")]
pub mod oauth {}

/// Where the chapter finds a picture: rustdoc copies no files, so the picture is in the link. The chapter has a link of the
/// same name to its file, for those who read it elsewhere; the first definition of a name counts.
macro_rules! picture {
    ($name:literal) => {
        concat!("[", $name, "]: data:image/webp;base64,", include_str!(concat!("images/", $name, ".base64")), "\n")
    };
}

/// The web page: messages, sessions, rules, mailboxes and servers in a browser.
///
#[doc = picture!("messages")]
#[doc = picture!("sessions")]
#[doc = picture!("compare")]
#[doc = picture!("rules")]
#[doc = picture!("mailboxes")]
#[doc = picture!("servers")]
#[doc = include_str!("page.md")]
pub mod page {}

/// The APIs of other mail servers, and the options that correspond to theirs.
#[doc = include_str!("compatibility.md")]
pub mod compatibility {}

/// The commands that talk to a running server: wait, ready, messages, show, dkim, lint, transcript, follow, ca, send.
#[doc = include_str!("client.md")]
pub mod client {}

/// Tests in Python, Node, Java, Go, Ruby, PHP and shell, and with containers.
#[doc = include_str!("languages.md")]
pub mod languages {}

/// Ways to install and run mailjig: cargo, a static program, a container image, a Debian package.
#[doc = include_str!("installation.md")]
pub mod installation {}

/// What the journal records, and what it does not.
#[doc = include_str!("journal.md")]
pub mod journal {}

/// Findings: what clients did that careful clients do not do.
#[doc = include_str!("findings.md")]
pub mod findings {}

/// What a sender asserts about its mail: links, codes, attachments, DKIM, lint; and bounces to it.
#[doc = include_str!("content.md")]
pub mod content {}

/// Design decisions and their reasons.
#[doc = include_str!("decisions.md")]
pub mod decisions {}
