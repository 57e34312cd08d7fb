//! The layers of a wire above its socket.

use std::io;

use bytes::BytesMut;

/// A layer of the wire: a pure transform of octets in both directions. It owns no socket and never waits; it keeps its
/// state between calls in buffers of its own.
pub(in crate::drive) trait Transform: Send {
    /// Takes octets received from below from the front of `incoming`, and appends the decoded octets to `input`.
    /// Appends the layer's own replies to `outgoing`, even if the octets are invalid. A call may produce a bounded
    /// amount and leave the rest in `incoming`, but must produce something while it can. Returns whether the peer has
    /// ended its output.
    fn decode(&mut self, incoming: &mut BytesMut, input: &mut BytesMut, outgoing: &mut Vec<u8>) -> io::Result<bool>;

    /// Takes octets to send from the front of `output`, at least one and a bounded amount, and appends everything that
    /// the peer needs to decode them to `outgoing`. Returns how many were taken.
    fn encode(&mut self, output: &[u8], outgoing: &mut Vec<u8>) -> io::Result<usize>;

    /// Tells the peer that the output ends. A second call appends nothing.
    fn finish(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()>;
}

/// Layers from the lowest, next to the socket, to the highest, next to the machine. Without layers nothing is copied
/// and nothing allocated.
#[derive(Default)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    /// Octets of the lowest layer's `outgoing` that were sent.
    left: usize,
}

struct Layer {
    transform: Box<dyn Transform>,
    /// Received from below and not decoded yet.
    incoming: BytesMut,
    /// Encoded and not passed down yet.
    outgoing: Vec<u8>,
}

impl Layers {
    pub(super) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Adds a layer on top of the others; `incoming` was already received for it.
    pub(super) fn push(&mut self, transform: Box<dyn Transform>, incoming: BytesMut) {
        self.layers.push(Layer { transform, incoming, outgoing: Vec::new() });
    }

    /// The buffer for octets from the socket; `None` without layers.
    pub(super) fn incoming(&mut self) -> Option<&mut BytesMut> {
        self.layers.first_mut().map(|lowest| &mut lowest.incoming)
    }

    /// Whether everything received is decoded.
    pub(super) fn is_decoded(&self) -> bool {
        self.layers.iter().all(|layer| layer.incoming.is_empty())
    }

    /// Passes received octets upwards; appends what the top layer decodes to `input`. Returns whether the peer has
    /// ended its output.
    pub(super) fn decode(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        let mut has_ended = false;
        let mut rest = &mut self.layers[..];
        while let Some((layer, above)) = rest.split_first_mut() {
            let target = above.first_mut().map_or(&mut *input, |next| &mut next.incoming);
            has_ended |= layer.transform.decode(&mut layer.incoming, target, &mut layer.outgoing)?;
            rest = above;
        }
        Ok(has_ended)
    }

    /// Encodes octets to send, downwards. Returns how many were taken.
    pub(super) fn encode(&mut self, output: &[u8]) -> io::Result<usize> {
        let Some(top) = self.layers.last_mut() else { return Ok(0) };
        let taken = top.transform.encode(output, &mut top.outgoing)?;
        self.pass_down()?;
        Ok(taken)
    }

    /// Tells the peer that the output ends, layer by layer from the highest.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for at in (0..self.layers.len()).rev() {
            let layer = &mut self.layers[at];
            layer.transform.finish(&mut layer.outgoing)?;
            self.pass_down()?;
        }
        Ok(())
    }

    /// Octets that wait for the socket.
    pub(super) fn outgoing(&mut self) -> io::Result<&[u8]> {
        self.pass_down()?;
        Ok(self.layers.first().map_or(&[], |lowest| &lowest.outgoing[self.left..]))
    }

    /// This many of the octets that wait for the socket were sent.
    pub(super) fn advance(&mut self, octets: usize) {
        self.left += octets;
        if let Some(lowest) = self.layers.first_mut().filter(|lowest| lowest.outgoing.len() == self.left) {
            lowest.outgoing.clear();
            self.left = 0;
        }
    }

    /// How many of the octets that wait for the socket were sent.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Whether everything encoded was sent.
    pub(super) fn is_idle(&self) -> bool {
        self.layers.iter().all(|layer| layer.outgoing.is_empty())
    }

    /// Frees buffers; to call only when nothing is pending.
    pub(super) fn rest(&mut self) {
        for layer in &mut self.layers {
            layer.incoming = BytesMut::new();
            layer.outgoing = Vec::new();
        }
    }

    /// Encodes the output of each layer with the one below it.
    fn pass_down(&mut self) -> io::Result<()> {
        for at in (1..self.layers.len()).rev() {
            let (below, above) = self.layers.split_at_mut(at);
            let (below, layer) = (&mut below[at - 1], &mut above[0]);
            let mut taken = 0;
            while taken < layer.outgoing.len() {
                taken += below.transform.encode(&layer.outgoing[taken..], &mut below.outgoing)?;
            }
            layer.outgoing.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::tests::Inverted;

    /// Answers all input, and sends a word at the end.
    struct Answering;

    impl Transform for Answering {
        fn decode(
            &mut self,
            incoming: &mut BytesMut,
            input: &mut BytesMut,
            outgoing: &mut Vec<u8>,
        ) -> io::Result<bool> {
            if !incoming.is_empty() {
                outgoing.extend_from_slice(b"answer ");
            }
            input.unsplit(incoming.split());
            Ok(false)
        }

        fn encode(&mut self, output: &[u8], outgoing: &mut Vec<u8>) -> io::Result<usize> {
            outgoing.extend_from_slice(output);
            Ok(output.len())
        }

        fn finish(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
            outgoing.extend_from_slice(b"end");
            Ok(())
        }
    }

    #[test]
    fn a_layers_own_output_goes_through_the_layers_below() {
        let mut layers = Layers::default();
        layers.push(Box::new(Inverted::default()), BytesMut::new());
        layers.push(Box::new(Answering), BytesMut::new());
        let inverted = |text: &[u8]| text.iter().map(|octet| !octet).collect::<Vec<_>>();

        layers.incoming().unwrap().extend(inverted(b"question"));
        let mut input = BytesMut::new();
        let has_ended = layers.decode(&mut input).unwrap();
        assert_eq!((&input[..], has_ended), (&b"question"[..], false));
        assert!(!layers.is_idle(), "an answer waits");
        assert_eq!(layers.encode(b"reply ").unwrap(), 6);
        layers.finish().unwrap();

        let wanted = [inverted(b"answer reply end"), vec![0]].concat();
        assert_eq!(layers.outgoing().unwrap(), wanted);
        layers.advance(4);
        assert_eq!(layers.outgoing().unwrap(), &wanted[4..]);
        layers.advance(wanted.len() - 4);
        assert!(layers.is_idle());
    }
}
