//! The views of the page as HTML documents.

use askama::Template;

/// A view of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Messages,
    Sessions,
    Compare,
    Rules,
    Mailboxes,
    Servers,
}

/// What every document says about the server that it shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The path below which its views are: empty, or `/servers/3` for a further server.
    pub(crate) prefix: &'a str,
    /// The path below which its resources are: `/v1`, or `/v1/servers/3`.
    pub(crate) base: &'a str,
    /// The name or the number of a further server.
    pub(crate) server: Option<&'a str>,
    /// Why the server that was asked for is not shown.
    pub(crate) problem: Option<&'a str>,
}

/// The views that the navigation shows.
const NAVIGATION: [View; 5] = [View::Messages, View::Sessions, View::Rules, View::Mailboxes, View::Servers];

macro_rules! views {
    ($($view:ident: $template:ident, $path:literal;)*) => {
        $(
            #[derive(Template)]
            #[template(path = $path, config = "src/page/askama.toml")]
            struct $template<'a> {
                view: View,
                frame: Frame<'a>,
            }
        )*

        impl View {
            /// The view as a document. Fails only if memory does.
            pub(crate) fn render(self, frame: Frame<'_>) -> Result<String, askama::Error> {
                match self {
                    $(Self::$view => $template { view: self, frame }.render(),)*
                }
            }
        }
    };
}

views! {
    Messages: MessagesTemplate, "messages.html";
    Sessions: SessionsTemplate, "sessions.html";
    Compare: CompareTemplate, "compare.html";
    Rules: RulesTemplate, "rules.html";
    Mailboxes: MailboxesTemplate, "mailboxes.html";
    Servers: ServersTemplate, "servers.html";
}

impl View {
    /// Its name: of its script, and in the body's class, which its style asks for.
    fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Sessions => "sessions",
            Self::Compare => "compare",
            Self::Rules => "rules",
            Self::Mailboxes => "mailboxes",
            Self::Servers => "servers",
        }
    }

    /// Its heading.
    fn title(self) -> &'static str {
        match self {
            Self::Messages => "Messages",
            Self::Sessions => "Sessions",
            Self::Compare => "Two sessions",
            Self::Rules => "Rules",
            Self::Mailboxes => "Mailboxes",
            Self::Servers => "Servers",
        }
    }

    /// Where it is, for a server with this prefix.
    fn href(self, prefix: &str) -> String {
        // One list has all servers; a further server is opened in it.
        if self == Self::Servers && !prefix.is_empty() {
            return prefix.to_owned();
        }
        format!("{prefix}{}", self.path())
    }

    /// Its path below the prefix of a server.
    fn path(self) -> &'static str {
        match self {
            Self::Messages => "/messages",
            Self::Sessions | Self::Compare => "/sessions",
            Self::Rules => "/rules",
            Self::Mailboxes => "/mailboxes",
            Self::Servers => "/servers",
        }
    }
}

/// Whether a path below a further server begins with the name of a view that each server has.
pub(crate) fn is_view(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let views = NAVIGATION.iter().filter(|view| !matches!(view, View::Servers));
    views.map(|view| view.name()).any(|name| name == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_server_is_escaped() {
        let frame = Frame { prefix: "/servers/3", base: "/v1/servers/3", server: Some("<script>\""), problem: None };

        for view in [View::Compare].into_iter().chain(NAVIGATION) {
            let document = view.render(frame).unwrap();

            assert!(!document.contains("<script>\""), "{document}");
            assert!(document.contains("&#60;script&#62;&#34;"), "{document}");
        }
    }
}
