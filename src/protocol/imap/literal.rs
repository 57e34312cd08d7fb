//! Literals: how a line announces one (RFC 3501 §4.3, RFC 7888), and whether it is a message.

/// The first words of a command, as far as they were read. They tell whether a literal is a message.
#[derive(Debug, Default)]
pub(super) struct CommandStart {
    /// How many words are complete: the tag, the verb, the first argument.
    words: usize,
    is_append: bool,
    /// Where the next word begins, and up to where its end was searched.
    word: usize,
    searched: usize,
}

impl CommandStart {
    /// Reads on where the last call stopped: a command of many literals is read once.
    pub(super) fn read(&mut self, text: &[u8], are_blanks_skipped: bool) {
        while self.words < 3 {
            let Some(blank) = memchr::memchr(b' ', &text[self.searched..]).map(|at| self.searched + at) else {
                self.searched = text.len();
                return;
            };
            let word = &text[self.word..blank];
            (self.word, self.searched) = (blank + 1, blank + 1);
            if word.is_empty() && are_blanks_skipped {
                continue;
            }
            self.words += 1;
            if self.words == 2 {
                self.is_append = word.eq_ignore_ascii_case(b"APPEND");
            }
        }
    }

    /// Whether the literal that is announced behind these words is a message: APPEND's, and not its first argument,
    /// which is the mailbox.
    pub(super) fn is_before_message(&self) -> bool {
        self.is_append && self.words == 3
    }
}

/// The end of a line that announces a literal.
pub(super) struct Announcement {
    pub(super) octets: u64,
    /// Whether the client waits before it sends the literal.
    pub(super) is_synchronizing: bool,
}

/// `{n}` or `{n+}` at the end of a line.
pub(super) fn announcement(line: &[u8]) -> Option<Announcement> {
    let inside = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inside)?;
    let (digits, is_synchronizing) = match inside[open + 1..].strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (&inside[open + 1..], true),
    };
    let octets = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Announcement { octets: octets.parse().ok()?, is_synchronizing })
}
