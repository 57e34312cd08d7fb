//! The end of a message for a server that is vulnerable to SMTP smuggling.

use bytes::BytesMut;

use super::data::{Body, Receiver};

/// RFC 5321 §4.1.1.4.
const END: &[u8] = b"\r\n.\r\n";

/// Takes a message from the front of the input, up to the first of these ends, or of the right one. The line end before the
/// dot counts as CRLF.
pub(super) fn receive(ends: &[&[u8]], receiver: &mut Receiver, input: &mut BytesMut) -> Option<Body> {
    // An empty message has no line end before its dot.
    if receiver.octets() == 0 && input.starts_with(b".\r\n") {
        return receiver.receive(input);
    }
    let all = || ends.iter().copied().chain([END]);
    let places = all().filter_map(|end| Some((memchr::memmem::find(input, end)?, end)));
    let Some((at, end)) = places.min_by_key(|(at, end)| (*at, std::cmp::Reverse(end.len()))) else {
        // Keep what may be the beginning of an end.
        let longest = END.len().min(input.len());
        let held = (1..=longest).rev().find(|held| all().any(|end| end.starts_with(&input[input.len() - held..])));
        return receive_before(receiver, input, input.len() - held.unwrap_or(0));
    };
    // `<CR><LF>` is one line end, whichever of its octets the end of the message begins with.
    let is_crlf = end.starts_with(b"\n") && input[..at].ends_with(b"\r");
    let (before, octets) = (input.len(), at - usize::from(is_crlf));
    receive_before(receiver, input, octets).or_else(|| {
        // The receiver leaves a CR or a dot that may begin something else.
        let left = octets - (before - input.len());
        receiver.take_as_is(input, left, false);
        drop(input.split_to(end.len() + usize::from(is_crlf)));
        let body = receiver.receive(&mut BytesMut::from(END))?;
        Some(Body { ends_bare: end != END, ..body })
    })
}

/// Takes up to this many octets. What follows a complete message stays in the input.
fn receive_before(receiver: &mut Receiver, input: &mut BytesMut, octets: usize) -> Option<Body> {
    let mut front = input.split_to(octets);
    let body = receiver.receive(&mut front);
    if !front.is_empty() {
        front.extend_from_slice(input);
        *input = front;
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&[u8]; 5] = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n"];

    /// The message and the rest, if the input arrives in pieces of this many octets.
    fn taken(ends: &[&[u8]], octets: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut receiver, mut input, mut body) = (Receiver::new(None, 1000), BytesMut::new(), None);
        for piece in octets.chunks(piece) {
            input.extend_from_slice(piece);
            body = body.or_else(|| receive(ends, &mut receiver, &mut input));
        }
        let body: Body = body.unwrap_or_else(|| panic!("{}: no end", octets.escape_ascii()));
        (body.raw.unwrap().to_vec(), input.to_vec())
    }

    #[test]
    fn a_message_ends_without_further_input_and_tells_what_ended_it() {
        for (octets, ends_bare) in [
            (&b".\r\n"[..], false),
            (b"a\r\n.\r\n", false),
            (b"a\n.\n", true),
            (b"a\n.\r\n", true),
            (b"a\r\n.\n", true),
            (b"a\r.\r", true),
            (b"a\r.\r\n", true),
        ] {
            let mut input = BytesMut::from(octets);
            let body = receive(&ALL, &mut Receiver::new(None, 1000), &mut input);
            assert_eq!(body.map(|body| body.ends_bare), Some(ends_bare), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn each_end_is_found_in_pieces_of_any_size() {
        for (ends, octets, message) in [
            (&ALL[..], &b"a\r\nb\r\n.\r\nNOOP\r\n"[..], &b"a\r\nb\r\n"[..]),
            (&ALL[..1], b"a\n.\nNOOP\r\n", b"a\r\n"),
            (&ALL[..1], b"a\r\n.\nNOOP\r\n", b"a\r\n"),
            (&ALL[1..2], b"a\n.\r\nNOOP\r\n", b"a\r\n"),
            (&ALL[2..3], b"a\n.\nb\r\n.\nNOOP\r\n", b"a\n.\nb\r\n"),
            (&ALL[4..5], b"a\r.\r\nNOOP\r\n", b"a\r\n"),
            (&ALL[..1], b"..a\r\n..b\n.\nNOOP\r\n", b".a\r\n.b\r\n"),
            (&ALL[..1], b".\r\nNOOP\r\n", b""),
            (&ALL[3..4], b"a\r.\rNOOP\r\n", b"a\r\n"),
            (&ALL[3..4], b"a\r\r.\rNOOP\r\n", b"a\r\r\n"),
        ] {
            for piece in 1..=octets.len() {
                let (got, rest) = taken(ends, octets, piece);
                assert_eq!(got.escape_ascii().to_string(), message.escape_ascii().to_string(), "in pieces of {piece}");
                assert_eq!(rest, b"NOOP\r\n", "{} in pieces of {piece}", octets.escape_ascii());
            }
        }
    }
}
