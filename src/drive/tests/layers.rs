//! Layers that are added to the wire in the middle of a session.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::BytesMut;

use super::toy::{
    connect_holding_little, connect_holding_little_by_tls, ending, kick, line, say, start_holding_little,
    start_holding_little_by_tls, transcript,
};
use crate::base::SessionNo;
use crate::drive::Engine;
use crate::drive::wire::Transform;
use crate::journal::Ending;
use crate::protocol::Event;
use crate::rule::{CloseMode, On, Rule};

/// The maximum that one call of the layer takes.
const TAKEN: usize = 1000;
/// The layer's end marker. Inverted text does not contain this octet.
const END: u8 = 0;
/// Size of the toy's flood in octets.
const FLOOD: usize = 8 << 20;

/// A layer that inverts every octet.
#[derive(Default)]
pub(in crate::drive) struct Inverted {
    has_ended: bool,
    is_finished: bool,
}

impl Transform for Inverted {
    fn decode(&mut self, incoming: &mut BytesMut, input: &mut BytesMut, _: &mut Vec<u8>) -> io::Result<bool> {
        let came = incoming.split_to(incoming.len().min(TAKEN));
        let octets = came.iter().take_while(|octet| **octet != END);
        input.extend(octets.map(|octet| !octet));
        self.has_ended |= came.contains(&END);
        Ok(self.has_ended)
    }

    fn encode(&mut self, output: &[u8], outgoing: &mut Vec<u8>) -> io::Result<usize> {
        let taken = output.len().min(TAKEN);
        outgoing.extend(output[..taken].iter().map(|octet| !octet));
        Ok(taken)
    }

    fn finish(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_finished, true) {
            outgoing.push(END);
        }
        Ok(())
    }
}

/// The client's side of that layer.
struct Inverting<S>(S);

impl<S: Read> Read for Inverting<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.0.read(buffer)?;
        buffer[..octets].iter_mut().for_each(|octet| *octet = !*octet);
        Ok(octets)
    }
}

impl<S: Write> Write for Inverting<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(&octets.iter().map(|octet| !octet).collect::<Vec<_>>())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The client requests the layer, and sends more in the same write.
fn invert<S: Read + Write>(mut client: BufReader<S>, more: &str) -> BufReader<Inverting<S>> {
    let inverted = more.bytes().map(|octet| !octet);
    client.get_mut().write_all(&b"invert\n".iter().copied().chain(inverted).collect::<Vec<_>>()).unwrap();
    let mut reply = [0; 11];
    client.get_mut().read_exact(&mut reply).unwrap();
    assert_eq!(reply, *b"inverting\r\n", "the reply before the layer is not inverted");
    BufReader::new(Inverting(client.into_inner()))
}

#[test]
fn a_layer_is_pushed_in_the_middle_of_a_session() {
    fn converse<S: Read + Write>(engine: &Arc<Engine>, client: BufReader<S>) {
        let long = "x".repeat(3 * TAKEN);
        let mut client = invert(client, &format!("one\n{long}\n"));
        assert_eq!(line(&mut client), "one");
        assert_eq!(line(&mut client), long);

        // More than the sockets hold in both directions.
        say(&mut client, "flood\n");
        say(&mut client, &"0123456789abcde\n".repeat(50_000));
        say(&mut client, "end\n");

        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), FLOOD + 50_000 * 17 + 6);
        assert!(rest.ends_with(&[b'b', b'y', b'e', b'\r', b'\n', !END]), "the layer sends its end marker");
        assert_eq!(ending(engine, SessionNo(1)), Ending::Clean);
    }

    let (engine, address) = start_holding_little();
    converse(&engine, connect_holding_little(address));
    let (engine, address, certificate) = start_holding_little_by_tls();
    converse(&engine, connect_holding_little_by_tls(address, certificate));
}

#[test]
fn octets_sent_through_layers_are_counted_before_encoding() {
    let (engine, address, certificate) = start_holding_little_by_tls();
    let mut client = invert(connect_holding_little_by_tls(address, certificate), "");
    say(&mut client, "flood\n");
    client.read_exact(&mut vec![0; 3 * FLOOD / 4]).unwrap();

    assert!(kick(&engine, SessionNo(1)));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Kicked);
    let transcript = transcript(&engine);
    let (_, lost) = transcript.rsplit_once("-- only ").expect("a part of the reply was sent");
    let (left, rest) = lost.split_once(' ').unwrap();
    assert!(rest.starts_with(&format!("of the {FLOOD} octets of this reply were sent\n")), "{rest}");
    let left: usize = left.parse().unwrap();
    assert!((3 * FLOOD / 4..FLOOD).contains(&left), "{left}");
}

#[test]
fn a_client_ends_its_input_with_the_end_marker_of_the_layer() {
    let (engine, address) = start_holding_little();
    let mut client = invert(connect_holding_little(address), "");

    client.get_mut().write_all(&[b"two\n", &[!END][..]].concat()).unwrap();

    assert_eq!(line(&mut client), "two");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ClientClosed);
}

#[test]
fn a_rule_closes_the_connection_with_or_without_the_end_marker() {
    for (mode, wanted, failed) in [
        (CloseMode::Fin, &[!END][..], None),
        (CloseMode::TlsNoNotify, &[], Some(ErrorKind::UnexpectedEof)),
        (CloseMode::Rst, &[], Some(ErrorKind::ConnectionReset)),
    ] {
        let (engine, address, certificate) = start_holding_little_by_tls();
        let mut client = invert(connect_holding_little_by_tls(address, certificate), "");
        let close = Rule::new("close", vec![On::from(Event::SmtpNoop)], vec![Arc::new(mode)], "here");
        engine.update(|world, now| world.mount(Arc::new(close), now));

        say(&mut client, "anything\n");
        let mut rest = Vec::new();
        let read = client.read_to_end(&mut rest);

        assert_eq!((&*rest, read.err().map(|error| error.kind())), (wanted, failed), "{mode:?}");
        assert_eq!(ending(&engine, SessionNo(1)), Ending::Ruled);
    }
}
