//! The lines of a message: their ends, their length, and NUL.

use memchr::{memchr, memchr_iter};

use super::{LintCode, Linter};

/// The longest line, without its line end (RFC 5322 §2.1.1).
pub(crate) const LONGEST_LINE: usize = 998;
/// The longest line that should be sent (RFC 5322 §2.1.1).
const LONGEST_PREFERRED: usize = 78;

impl Linter<'_> {
    pub(super) fn lines(&mut self) {
        let raw = self.raw;
        for at in memchr_iter(b'\r', raw).filter(|at| raw.get(at + 1) != Some(&b'\n')) {
            self.add(LintCode::BareCr, at, "a CR without LF: end each line with CRLF");
        }
        for at in memchr_iter(0, raw) {
            self.add(LintCode::Nul, at, "a NUL: encode the part in base64");
        }
        let mut start = 0;
        while start < raw.len() {
            let end = memchr(b'\n', &raw[start..]).map_or(raw.len(), |end| start + end);
            let line = &raw[start..end];
            if end < raw.len() && !line.ends_with(b"\r") {
                self.add(LintCode::BareLf, end, "an LF without CR: end each line with CRLF");
            }
            self.line_length(start, line.strip_suffix(b"\r").unwrap_or(line));
            start = end + 1;
        }
    }

    fn line_length(&mut self, start: usize, line: &[u8]) {
        if line.len() > LONGEST_LINE {
            let text = format!("a line of {} octets: at most {LONGEST_LINE} are allowed", line.len());
            self.add(LintCode::LineTooLong, start, text);
        } else if line.len() > LONGEST_PREFERRED {
            let characters = String::from_utf8_lossy(line).chars().count();
            if characters > LONGEST_PREFERRED {
                let text = format!("a line of {characters} characters: lines should have at most {LONGEST_PREFERRED}");
                self.add(LintCode::LongLine, start, text);
            }
        }
    }
}
