//! Values of the request that are needed after it was performed.

use super::Run;
use crate::protocol::RequestField;
use crate::rule::clause::Timed;
use crate::rule::condition::inserted;
use crate::rule::field::Field;
use crate::rule::frame::Frame;
use crate::rule::rulebook::EvalContext;
use crate::rule::template::Name;

impl Run {
    /// Keeps the values of the request that later steps use, because the request is consumed.
    pub(crate) fn remember(&mut self, cx: &dyn EvalContext) {
        for frame in &mut self.frames {
            let mut values: Vec<(Field, String)> = Vec::new();
            let mut keep = |timed: &Timed| {
                for name in timed.step.names() {
                    if let Name::Field(field) = &name
                        && matches!(field, Field::Request(_) | Field::Content(_))
                        && !frame.firing.request.iter().chain(&values).any(|(its, _)| its == field)
                        && let Some(value) = cx.value(field)
                    {
                        values.push((field.clone(), inserted(&value)));
                    }
                }
            };
            frame.to_come().for_each(|timed| timed.each(&mut keep));
            frame.firing.request.extend(values);
        }
        self.remember_for_asking(cx);
    }

    /// The request logged in: from now on `user` is this login, not the name in the request.
    pub(crate) fn logged_in(&mut self, user: &str) {
        for Frame { firing, .. } in &mut self.frames {
            firing.request.retain(|(field, _)| *field != Field::Request(RequestField::User));
            firing.request.push((Field::Request(RequestField::User), user.to_owned()));
        }
    }
}
