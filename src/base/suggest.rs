//! Suggestions for unknown words.

/// The nearest known word, if it is near enough, as a question: "did you mean `smtps`?"
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let scored = known.into_iter().map(|its| (strsim::jaro_winkler(word, its), its));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(score, _)| *score > 0.75).map(|(_, its)| format!("did you mean `{its}`?"))
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
