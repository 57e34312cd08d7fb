//! A rule as a file and as JSON say it: what is printed reads as the same rule.

use std::fmt::Write;
use std::time::Duration;

use crate::base::short;
use crate::document::Tree;
use crate::protocol::CapabilityOverride;
use crate::rule::*;

/// `[[rule]]` with its keys, a line each.
pub(crate) fn rule_as_toml(rule: &Rule) -> String {
    let mut out = String::from("[[rule]]\n");
    for (key, tree) in keys(rule) {
        if let ("do", Tree::List(steps)) = (key.as_str(), &tree)
            && steps.len() > 1
        {
            out.push_str("do = [\n");
            for step in steps {
                out.push_str("  ");
                step.toml(&mut out);
                out.push_str(",\n");
            }
            out.push_str("]\n");
            continue;
        }
        let _infallible = write!(out, "{key} = ");
        tree.toml(&mut out);
        out.push('\n');
    }
    out
}

/// The same keys as a JSON object.
#[cfg(feature = "api")]
pub(crate) fn rule_as_json(rule: &Rule) -> serde_json::Value {
    Tree::Table(keys(rule)).json()
}

fn keys(rule: &Rule) -> Vec<(String, Tree)> {
    let mut keys = vec![("id".to_owned(), text(&rule.id))];
    let mut add = |key: &str, tree| keys.push((key.to_owned(), tree));
    let mut on: Vec<Tree> = rule.on.iter().map(|on| text(&on.written)).collect();
    add("on", if on.len() == 1 { on.remove(0) } else { Tree::List(on) });
    if !rule.when.is_empty() {
        let conditions = rule.when.iter().map(|its| (its.field.name(), test(&its.test)));
        add("when", Tree::Table(conditions.collect()));
    }
    if let Some(nth) = &rule.nth {
        add("nth", text(&nth.to_string()));
    }
    match &rule.per {
        Per::Server => {}
        Per::Conn => add("per", text("conn")),
        Per::User => add("per", text("user")),
        Per::Ip => add("per", text("ip")),
        Per::Listener => add("per", text("listener")),
        Per::Key(key) => add("per", text(key.written())),
    }
    if let Some(chance) = rule.chance {
        add("chance", Tree::Float(chance));
    }
    add("do", Tree::List(rule.steps.iter().map(timed).collect()));
    if let Some(expect) = rule.expect {
        add("expect", text(&expect.written()));
    }
    keys
}

fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

fn table<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
    Tree::Table(entries.into_iter().map(|(key, tree)| (key.to_owned(), tree)).collect())
}

fn number(number: impl TryInto<i64>) -> Tree {
    Tree::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn span(span: Duration) -> Tree {
    Tree::Text(short(span))
}

fn test(it: &Test) -> Tree {
    match it {
        Test::Text(pattern) => text(pattern.written()),
        Test::Exactly(exactly) => table([("eq", text(exactly))]),
        Test::Number(compare, amount) => text(&format!("{}{}", compare.sign(), amount.written)),
        Test::Truth(truth) => Tree::Truth(*truth),
        Test::Any(tests) => table([("any", Tree::List(tests.iter().map(test).collect()))]),
        Test::All(tests) => table([("all", Tree::List(tests.iter().map(test).collect()))]),
        Test::Not(it) => table([("not", test(it))]),
    }
}

fn timed(Timed { step, after }: &Timed) -> Tree {
    let mut entries = vec![(step.name().to_owned(), value(step))];
    if let Some(after) = after {
        entries.push(("after".to_owned(), span(*after)));
    }
    Tree::Table(entries)
}

fn literal(it: Literal) -> Tree {
    match it {
        Literal::Off(more) => text(&format!("{more:+}")),
        Literal::Exactly(number) => text(&format!("={number}")),
    }
}

fn word<T: PartialEq + Copy>(it: T, words: &[(&str, T)]) -> Tree {
    text(words.iter().find(|(_, its)| *its == it).map_or("", |(word, _)| word))
}

fn value(step: &Step) -> Tree {
    let mut entries: Vec<(String, Tree)> = Vec::new();
    let mut add = |key: &str, tree: Option<Tree>| entries.extend(tree.map(|tree| (key.to_owned(), tree)));
    let template = |its: &Option<Template>| its.as_ref().map(|its| text(its.written()));
    let named = |its: &Option<Box<str>>| its.as_ref().map(|its| text(its));
    let list = |its: &[Box<str>]| (!its.is_empty()).then(|| Tree::List(its.iter().map(|its| text(its)).collect()));
    match step {
        Step::Pass(Pass::Loud) => return Tree::Truth(true),
        Step::Pass(Pass::Silent) => return text("silent"),
        Step::Pass(Pass::Status(line)) => add("status", Some(text(line.written()))),
        Step::Reply(lines) => {
            return match lines.as_slice() {
                [one] => text(one.written()),
                lines => Tree::List(lines.iter().map(|line| text(line.written())).collect()),
            };
        }
        Step::Raw(line) | Step::Note(line) | Step::Fail(line) => return text(line.written()),
        Step::Wait(Span { least, most }) if least == most => return span(*least),
        Step::Wait(Span { least, most }) => {
            add("min", Some(span(*least)));
            add("max", Some(span(*most)));
        }
        Step::Stall(stall) => return word(*stall, &[("reply", Stall::Reply), ("conn", Stall::Conn)]),
        Step::Await(pattern) => return text(pattern.written()),
        Step::Shape(shape) => return shaped(shape),
        Step::Data(data) => return changed(data),
        Step::Close(end) => return text(end.name()),
        Step::Read(reading) => return word(*reading, &[("stop", Reading::Stop), ("slow", Reading::Slow)]),
        Step::Tls(Hello::Profile(profile)) => add("cert", Some(text(profile.certificate.name()))),
        Step::Tls(Hello::Alert(alert)) => add("alert", Some(text(alert.name))),
        Step::Listen(down) => add("down", Some(span(*down))),
        Step::Set(assignments) => {
            let of = |is_session: bool| {
                let own = assignments.iter().filter(|(variable, _)| variable.is_session == is_session);
                let own = own.map(|(variable, assign)| {
                    let tree = match assign {
                        Assign::Text(its) => text(its.written()),
                        Assign::Number(number) => Tree::Integer(*number),
                        Assign::Truth(truth) => Tree::Truth(*truth),
                        Assign::Add(more) => text(&format!("{more:+}")),
                    };
                    (variable.name.to_string(), tree)
                });
                own.collect::<Vec<_>>()
            };
            let mut all = of(false);
            let session = of(true);
            if !session.is_empty() {
                all.push(("session".to_owned(), Tree::Table(session)));
            }
            return Tree::Table(all);
        }
        Step::Deliver(Deliver::Lost) => return Tree::Truth(false),
        Step::Deliver(Deliver::Into { user, mailbox, message }) => {
            add("mailbox", Some(text(mailbox)));
            add("message", named(message));
            add("user", template(user));
        }
        Step::Expunge { which, tell } => {
            which_of(which, &mut add);
            add("tell", Some(tell_of(*tell)));
        }
        Step::Flag { which, add: more, remove, tell } => {
            which_of(which, &mut add);
            add("add", list(more));
            add("remove", list(remove));
            add("tell", Some(tell_of(*tell)));
        }
        Step::Mailbox(change) => {
            add("name", Some(text(&change.name)));
            add("user", template(&change.user));
            add("uidvalidity", change.uid_validity.map(literal));
            add(
                "renumber",
                change.renumber.map(|how| match how {
                    Renumber::Forward => Tree::Truth(true),
                    Renumber::Reverse => text("reverse"),
                }),
            );
        }
        Step::Caps(CapabilityOverride { set, add: more, remove, .. }) => {
            add("set", set.as_ref().map(|set| Tree::List(set.iter().map(|its| text(its)).collect())));
            add("add", list(more));
            add("remove", list(remove));
        }
        Step::Kick { user, protocol, reply } => {
            add("user", user.as_ref().map(|user| text(user.written())));
            add("proto", protocol.map(|protocol| text(protocol.name())));
            add("reply", template(reply));
        }
    }
    Tree::Table(entries)
}

fn which_of(which: &Which, add: &mut dyn FnMut(&str, Option<Tree>)) {
    match which.one {
        One::Msn(msn) => add("msn", Some(number(msn))),
        One::Uid(uid) => add("uid", Some(number(uid))),
        One::All => add("all", Some(Tree::Truth(true))),
    }
    add("mailbox", which.mailbox.as_ref().map(|its| text(its)));
    add("user", which.user.as_ref().map(|its| text(its.written())));
}

fn tell_of(tell: Tell) -> Tree {
    word(tell, &[("now", Tell::Now), ("legal", Tell::Legal), ("never", Tell::Never)])
}

fn shaped(shape: &Shape) -> Tree {
    match shape {
        Shape::Pace { chunk, gap } => table([("chunk", number(*chunk)), ("gap", span(*gap))]),
        Shape::Split(at) => Tree::List(at.iter().map(|at| number(*at)).collect()),
        Shape::Hold => Tree::Truth(true),
        Shape::Cut { place: CutPoint::At(at), end } => table([("at", number(*at)), ("close", text(end.name()))]),
        Shape::Cut { place: CutPoint::Before(before), end } => {
            table([("before", text(before.written())), ("close", text(end.name()))])
        }
        Shape::Eol(eol) => word(*eol, &[("lf", Eol::Lf), ("cr", Eol::Cr), ("none", Eol::None)]),
        Shape::Edit(Edit::Replace { find, with }) => {
            table([("find", text(find.written())), ("replace", text(with.written()))])
        }
        Shape::Edit(Edit::DropFound(find)) => table([("find", text(find.written())), ("drop", Tree::Truth(true))]),
        Shape::Edit(Edit::Drop(line)) => table([("line", number(*line)), ("drop", Tree::Truth(true))]),
        Shape::Edit(Edit::Duplicate(line)) => table([("line", number(*line)), ("dup", Tree::Truth(true))]),
        Shape::Edit(Edit::Insert { below, text: line }) => {
            table([("below", number(*below)), ("insert", text(line.written()))])
        }
        Shape::Pad { line, to } => table([("line", number(*line)), ("to", number(*to))]),
    }
}

fn changed(data: &Data) -> Tree {
    let new = |value: &Option<Template>| match value {
        Some(value) => ("value", text(value.written())),
        None => ("drop", Tree::Truth(true)),
    };
    match data {
        Data::Item { name, value } => table([("item", text(name.written())), new(value)]),
        Data::Code { name, value } => table([("code", text(name)), new(value)]),
        Data::Literal(size) => table([("literal", literal(*size))]),
        Data::Listing { line, change: Listing::Drop } => {
            table([("listing", number(*line)), ("drop", Tree::Truth(true))])
        }
        Data::Listing { line, change: Listing::Change { uid, size } } => {
            let mut entries = vec![("listing".to_owned(), number(*line))];
            entries.extend(uid.as_ref().map(|uid| ("uid".to_owned(), text(uid.written()))));
            entries.extend(size.map(|size| ("size".to_owned(), literal(size))));
            Tree::Table(entries)
        }
    }
}
