//! Literals: how a line announces one (RFC 3501 §4.3, RFC 7888), and whether it is a message of APPEND.

/// The first words of a command, which decide whether a literal is a message of APPEND.
#[derive(Debug, Default)]
pub(super) struct CommandStart {
    /// The number of complete words: the tag, the command's name, the first argument.
    words: usize,
    is_append: bool,
    /// Where the next word begins, and how far the search for its end has come.
    word: usize,
    searched: usize,
}

impl CommandStart {
    /// Continues where the last call stopped, so that a command with many literals is read only once.
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

    /// Whether a literal after these words is a message. The first argument of APPEND is not: it is the mailbox.
    pub(super) fn is_before_message(&self) -> bool {
        self.is_append && self.words == 3
    }
}

/// The end of a line that announces a literal.
pub(crate) struct Announcement {
    pub(crate) octets: u64,
    /// Whether the client waits before it sends the literal.
    pub(crate) is_synchronizing: bool,
}

/// `{n}` or `{n+}` at the end of a line.
pub(crate) fn announcement(line: &[u8]) -> Option<Announcement> {
    let inside = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inside)?;
    let (digits, is_synchronizing) = match inside[open + 1..].strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (&inside[open + 1..], true),
    };
    let octets = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Announcement { octets: octets.parse().ok()?, is_synchronizing })
}
