//! Reads templates from a document.

use super::template::Template;
use crate::document::{Data, Node, Reader};

impl Reader {
    /// A text with names in it.
    pub(crate) fn template(&mut self, node: &Node) -> Option<Template> {
        self.template_by(node, Template::parse)
    }

    /// Octets with escapes and names in them.
    pub(crate) fn raw(&mut self, node: &Node) -> Option<Template> {
        self.template_by(node, Template::parse_raw)
    }

    fn template_by(&mut self, node: &Node, parse: fn(&str) -> Result<Template, String>) -> Option<Template> {
        let Data::Text(text) = &node.data else {
            self.wrong(&node.place, format!("this must be a string, not {}", node.kind()));
            return None;
        };
        let text = self.filled(text, &node.place, true)?;
        self.parsed(&node.place, parse(&text))
    }
}
