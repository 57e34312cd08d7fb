//! The capabilities that a server announces: the text for which `<caps>` stands in a dialogue.

/// The command that requests the capabilities.
pub(crate) fn question(protocol: &str) -> &'static str {
    match protocol {
        "imap" => "caps CAPABILITY\r\n",
        "pop3" => "CAPA\r\n",
        "lmtp" => "LHLO client.example\r\n",
        _ => "EHLO client.example\r\n",
    }
}

/// The capabilities in the reply to it, read line by line.
pub(crate) fn announced(protocol: &str, mut line: impl FnMut() -> String) -> String {
    let first = line();
    if protocol == "imap" {
        return first.strip_prefix("* CAPABILITY ").expect("the server has capabilities").to_owned();
    }
    let mut lines = Vec::new();
    loop {
        match line() {
            end if protocol == "pop3" && end == "." => break,
            last if last.starts_with("250 ") => {
                lines.push(last);
                break;
            }
            next => lines.push(next),
        }
    }
    lines.join("\r\n")
}

/// Whether a line of an IMAP server means that the client is logged in, which changes the announced capabilities from
/// this line on.
pub(crate) fn is_login(line: &str) -> bool {
    line.contains(" OK [CAPABILITY ") && !line.starts_with("* ")
}
