//! The web page: its documents, rendered from the templates in `views`, and its files, embedded from `files`. The scripts
//! among them fill the documents over `/v1`. Does not know servers and requests.

mod files;
mod view;

pub(crate) use files::File;
pub(crate) use view::{Frame, View, is_view};
