//! Suggestions for unknown words: a word that is spelled alike, or one that means the same.

/// What people write, for each word of the language that they can mean by it.
pub(crate) const SYNONYMS: &[(&str, &[&str])] = &[
    // Keys of a file, of a rule and of an expectation.
    ("user", &["account", "accounts", "login", "username", "auth_user"]),
    ("rule", &["rules", "fault", "stub", "mapping", "behavior", "behaviour"]),
    ("mailbox", &["folder", "folders"]),
    ("message", &["mail", "email", "mails", "eom", "end", "delivery"]),
    ("use", &["include", "import", "extends"]),
    ("params", &["vars", "variables", "args", "arguments"]),
    ("about", &["description", "summary", "title"]),
    ("refs", &["links", "see", "urls"]),
    ("on", &["event", "events", "at", "trigger", "command"]),
    ("event", &["on", "trigger", "command"]),
    ("when", &["match", "matches", "if", "where", "conditions", "filter"]),
    ("do", &["action", "actions", "then", "steps", "response"]),
    ("times", &["count", "limit", "max", "repeat"]),
    ("expect", &["count", "verify", "assert", "expected"]),
    ("count", &["times", "expect", "expected"]),
    ("sequence", &["order", "in_order"]),
    ("chance", &["probability", "rate"]),
    ("per", &["key", "by", "scope"]),
    ("id", &["name"]),
    // Steps.
    ("reply", &["respond", "response", "answer", "send", "write", "say", "return"]),
    ("wait", &["delay", "sleep", "pause"]),
    ("stall", &["hang", "freeze", "ignore", "blackhole"]),
    ("close", &["disconnect", "drop", "reset", "abort", "hangup"]),
    ("cut", &["truncate"]),
    ("pace", &["drip", "throttle", "slow", "trickle"]),
    ("hold", &["glue", "buffer", "coalesce"]),
    ("edit", &["replace", "rewrite", "substitute"]),
    ("pass", &["continue", "default", "proxy", "forward", "next"]),
    ("await", &["read_line", "receive"]),
    ("note", &["log", "print"]),
    ("fail", &["error", "forbid", "raise"]),
    ("expunge", &["delete", "remove"]),
    ("kick", &["logout"]),
    ("caps", &["capabilities"]),
    ("rst", &["reset", "abort"]),
    ("fin", &["close", "graceful"]),
    // Fields.
    ("rcpt", &["to", "recipient", "recipients"]),
    ("from", &["sender", "mail_from"]),
    ("mech", &["mechanism"]),
    ("tls", &["ssl", "encrypted", "secure"]),
    ("conn", &["connection", "session"]),
    ("verb", &["command"]),
    ("body", &["content", "text"]),
    ("ip", &["address", "client", "host"]),
    // Points of a protocol.
    ("greeting", &["banner", "welcome", "open"]),
    ("mail", &["from", "sender", "mail_from"]),
    ("lapse", &["timeout", "autologout"]),
    ("stop", &["shutdown"]),
    ("quit", &["close", "disconnect", "bye"]),
    ("fetch", &["uid.fetch"]),
    ("store", &["uid.store"]),
    ("search", &["uid.search"]),
    ("copy", &["uid.copy"]),
    ("move", &["uid.move"]),
    // Operators of conditions.
    ("any", &["or", "in", "one_of"]),
    ("all", &["and"]),
    ("eq", &["equals", "is", "exactly"]),
];

/// The known words that mean the same, or else the nearest one, if it is near enough.
pub(crate) fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Vec<&'k str> {
    let mut known: Vec<&str> = known.into_iter().collect();
    let lower = word.to_ascii_lowercase();
    let means = |its: &&str| SYNONYMS.iter().any(|(one, others)| one == its && others.contains(&&*lower));
    if known.iter().any(means) {
        known.retain(means);
        return known;
    }
    let scored = known.into_iter().map(|its| (strsim::jaro_winkler(word, its), its));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(score, _)| *score > 0.75).map(|(_, its)| its).into_iter().collect()
}

/// Words as a question: "did you mean `smtps`?" `None` without words.
pub(crate) fn question(words: &[impl AsRef<str>]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    (!words.is_empty()).then(|| format!("did you mean {}?", words.join(" or ")))
}

/// The [meant](meant()) words as a question.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    question(&meant(word, known))
}

/// The message and the suggestion for an unknown word.
pub(crate) fn unknown_word(what: &str, word: &str, known: &[&str]) -> (String, String) {
    let help = nearest(word, known.iter().copied()).unwrap_or_else(|| match known {
        [] => "there are none".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    });
    (format!("unknown {what} `{word}`"), help)
}

/// The message and the help in one line.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let (message, help) = unknown_word(what, word, known);
    format!("{message}; {help}")
}
