//! Tests with valid files, with invalid files, and with rules that are printed and read again.

use std::path::Path;

use super::shipped::SHIPPED;
use super::*;
use crate::base::SYNONYMS;
use crate::protocol::{ALIASES, Listener, StartTls};
use crate::rule::Field;
use crate::rule::step::STEPS;

#[test]
fn every_shipped_scenario_is_valid_and_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = 0;
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for kind in folders {
        for file in std::fs::read_dir(kind).unwrap() {
            let path = file.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(SHIPPED.iter().any(|its| its.name == stem), "{stem} is not listed");
            files += 1;
        }
    }
    assert_eq!(files, SHIPPED.len());
    for shipped in SHIPPED {
        let loaded = Scenario::named(shipped.name).load().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.name, shipped.name);
        assert!(loaded.warnings.is_empty(), "{}: {:?}", shipped.name, loaded.warnings);
        assert!(shipped.text.starts_with("# "), "{}: the first line is the lesson", shipped.name);
        assert!(!loaded.client_must.is_empty() && !loaded.about.is_empty(), "{}", shipped.name);
        assert!(loaded.refs.iter().all(|link| link.starts_with("https://")), "{}", shipped.name);
        let expected = loaded.rules.iter().any(|rule| rule.expect.is_some()) || !loaded.expects.is_empty();
        assert!(expected, "{}: a scenario that never happened fails the test", shipped.name);
    }
}

#[test]
fn errors_have_their_location() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios/wrong");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() > 5);
    for path in files {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = match Scenario::text(format!("{stem}.toml"), text).check() {
            Ok(warnings) => warnings.join("\n"),
            Err(error) => error.to_string(),
        };
        insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(stem, shown);
        });
    }
}

#[test]
fn the_examples_of_the_language_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios/right");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let loaded = Scenario::file(&path).load().unwrap_or_else(|error| panic!("{error}"));
        assert!(!loaded.rules.is_empty(), "{}", path.display());
        files += 1;
    }
    assert!(files > 5);
}

#[test]
fn a_rule_that_is_printed_reads_as_the_same_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios/right");
    let files = std::fs::read_dir(folder).unwrap().map(|file| Scenario::file(file.unwrap().path()));
    let named = SHIPPED.iter().map(|its| Scenario::named(its.name));
    for scenario in files.chain(named) {
        for rule in scenario.load().unwrap().rules {
            let mut toml = format!("mailjig = 1\n{}", rule_as_toml(&rule));
            // The messages that the rule delivers are in another part of the file.
            let messages: Vec<String> =
                rule.steps.iter().flat_map(|timed| timed.step.messages()).map(str::to_owned).collect();
            for id in &messages {
                toml.push_str(&format!("[[message]]\nid = \"{id}\"\ngenerate = true\n"));
            }
            // So are the variables that it uses.
            let asked = rule.when.iter().filter_map(|condition| match &condition.field {
                Field::State(name) => Some(format!("{name} = \"\"\n")),
                _ => None,
            });
            toml.push_str(&format!("[state]\n{}", asked.collect::<String>()));
            let mut again =
                Scenario::text("printed.toml", &toml).load().unwrap_or_else(|error| panic!("{error}\n{toml}"));
            let mut again = Arc::unwrap_or_clone(again.rules.remove(0));
            again.origin = Arc::clone(&rule.origin);
            assert_eq!(again, *rule, "{toml}");
            #[cfg(feature = "api")]
            {
                let in_force = InForce { namespace: Namespace::default(), messages };
                let json = rule_as_json(&rule);
                let again = rule_from_json(&json, &rule.origin, &in_force)
                    .unwrap_or_else(|error| panic!("{error}\n{json}"))
                    .rule;
                assert_eq!(again, *rule, "{json}");
                let toml = rule_as_toml(&rule);
                let again =
                    rule_from_toml(&toml, &rule.origin, &in_force).unwrap_or_else(|error| panic!("{error}\n{toml}"));
                assert_eq!(again.rule, *rule, "{toml}");
                assert!(again.has_id);
            }
        }
    }
}

#[test]
fn parameters_are_filled_in_and_may_be_set() {
    let text = "mailjig = 1\n[params]\nn = \"3\"\njson = '{\"a\":1}'\n[[rule]]\non = \"smtp.mail\"\nwhen = { sent = \">={param.n}\" }\n\
                do = { reply = \"421 {param.json} {param.json|b64} {param.SIZE}\" }\n";
    let rule = |scenario: Scenario| Arc::unwrap_or_clone(scenario.load().unwrap().rules.remove(0));
    let three = rule(Scenario::text("a.toml", text));
    let five = rule(Scenario::text("a.toml", text).set("n", 5));

    assert_eq!((three.when[0].test.to_string(), five.when[0].test.to_string()), (">=3".to_owned(), ">=5".to_owned()));
    let lines = three.steps[0].step.templates();
    assert_eq!(lines[0].fill(&|_| Some("9".to_owned())), b"421 {\"a\":1} eyJhIjoxfQ== 9");
    let error = Scenario::text("a.toml", text).set("m", 5).check().unwrap_err().to_string();
    assert!(error.contains("there is no parameter `m`"), "{error}");
}

#[test]
fn settings_of_a_used_file_apply_unless_the_file_overrides_them() {
    let folder = tempfile::tempdir().unwrap();
    let inner =
        "mailjig = 1\n[server.smtp]\nlimits.size = 1\n[server.imap]\nlimits.size = 2\n[tls]\nstarttls = \"never\"\n";
    let outer = "mailjig = 1\nuse = [\"inner.toml\"]\n[server.imap]\nlimits.size = 3\n[tls]\nlistener = \"imap\"\nstarttls = \"offered\"\n";
    std::fs::write(folder.path().join("inner.toml"), inner).unwrap();
    std::fs::write(folder.path().join("outer.toml"), outer).unwrap();

    let server = Scenario::file(folder.path().join("outer.toml")).load().unwrap().server;

    assert_eq!((server.smtp_size, server.imap_size), (Some(1), Some(3)));
    assert_eq!(server.starttls, [(Some(Listener::Imap), StartTls::Offered), (None, StartTls::Never)]);
}

#[test]
fn a_condition_that_can_never_hold_is_refused_where_it_is_written() {
    for (when, on, wanted) in [
        ("priority = '>=5'", "smtp.mail", ""),
        ("priority = '-9'", "smtp.mail", ""),
        ("param.SIZE = '>10MB'", "smtp.mail", ""),
        ("holdfor = '>1h'", "smtp.mail", ""),
        ("header.Message-ID = '<1@example.org>'", "smtp.message", ""),
        ("size = { eq = '10MB' }", "smtp.mail", ""),
        ("priority = '>=10'", "smtp.mail", "6:21: `priority = >=10` can never hold"),
        ("priority = 'high'", "smtp.mail", "6:21: `high` is not a number"),
        ("sent = '-1'", "smtp.mail", "6:17: `-1` is not a number"),
        ("size = { eq = '>1' }", "smtp.mail", "6:24: `>1` is not a number"),
        ("from = '>5'", "smtp.mail", "6:17: this field is a text"),
        ("subject = '<3 you'", "smtp.message", "6:20: this field is a text"),
        ("ret = 'headers'", "smtp.mail", "6:16: `ret = headers` can never hold"),
        ("listener = 'smpt'", "smtp.mail", "6:21: `listener = smpt` can never hold"),
        ("notify = { any = [] }", "smtp.rcpt", "6:27: this list is empty"),
    ] {
        let text =
            format!("mailjig = 1\n\n[[rule]]\nid = 'a'\non = '{on}'\nwhen = {{ {when} }}\ndo = {{ note = 'n' }}\n");

        let error = Scenario::text("x.toml", text).check().map_or_else(|error| error.to_string(), |_| String::new());

        let wanted = if wanted.is_empty() { String::new() } else { format!("x.toml:{wanted}") };
        assert!(error.starts_with(&wanted) && error.is_empty() == wanted.is_empty(), "{when}: {error}");
    }
}

#[test]
fn the_manual_names_the_purpose_of_every_step_and_those_that_can_come_later() {
    let manual = include_str!("../manual/scenarios.md");
    let between = |begin: &str, end: &str| manual.split_once(begin).unwrap().1.split_once(end).unwrap().0;
    let (purposes, later) =
        (between("| purpose | steps |\n", "\n\n"), between("- **Later steps.** ", " can have `after"));
    for kind in STEPS {
        let name = format!("`{}`", kind.name);
        let comes_later = kind.examples.iter().any(|example| {
            let text = format!("mailjig = 1\n[[rule]]\non = '{}'\ndo = {}\n", example.on, example.steps);
            let rule = Scenario::text("x.toml", text).load().unwrap_or_else(|error| panic!("{error}")).rules.remove(0);
            let all = rule.all_steps();
            all.iter().any(|timed| timed.step.kind().name == kind.name && timed.step.may_come_later())
        });

        assert!(purposes.contains(&name), "{name}");
        assert_eq!(later.contains(&name), comes_later, "{name}");
    }
}

#[test]
fn the_examples_of_conditions_are_valid() {
    for (name, example) in reference::EXAMPLES {
        let field = Field::parse(example.split(" = ").next().unwrap()).unwrap();
        let place = match reference::all().find(|event| field.exists_at(*event)).filter(|_| field != Field::Outcome) {
            Some(event) => format!("[[rule]]\non = \"{event}\"\ndo = {{ note = \"here\" }}\n"),
            None => "[[expect]]\nevent = \"smtp.mail\"\n".to_owned(),
        };
        let text = format!(
            "mailjig = 1\n[state]\nphase = \"down\"\n{place}when = {{ {example} }}\n\
             [[rule]]\nid = \"set\"\non = \"smtp.noop\"\ndo = {{ set = {{ session.tries = 2 }} }}\n"
        );

        let warnings = Scenario::text("example.toml", text).check().unwrap_or_else(|error| panic!("{name}: {error}"));

        assert!(warnings.is_empty(), "{name}: {warnings:?}");
    }
}

#[test]
fn the_manual_has_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/scenarios.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let mut right = manual.clone();
    for (name, part) in reference::parts() {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let from = right.find(&begin).unwrap_or_else(|| panic!("the manual has no place for the {name}")) + begin.len();
        let to = right.find(&end).unwrap();
        right.replace_range(from..to, &part);
    }
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update != "no") && manual != right {
        std::fs::write(&path, right).unwrap();
        return;
    }
    assert!(manual == right, "the reference in {} is not that of the loader", path.display());
}

#[test]
fn the_schema_is_that_of_the_loader() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/mailjig.schema.json");
    let right = schema::schema();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update != "no") {
        std::fs::write(&path, format!("{:#}\n", right)).unwrap();
        return;
    }
    let shipped: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(shipped == right, "{} is not the schema of the loader", path.display());
}

#[test]
fn a_word_with_the_same_meaning_is_suggested_where_it_is_unknown() {
    // Where a word can stand: a text in which it is written, and the place that the error must name.
    let rule = |lines: &str| format!("mailjig = 1\n[[rule]]\n{lines}");
    let places: [&dyn Fn(&str) -> String; 9] = [
        &|word| format!("mailjig = 1\n{word} = 1\n"),
        &|word| rule(&format!("on = 'smtp.rcpt'\ndo = {{ pass = true }}\n{word} = 1")),
        &|word| format!("mailjig = 1\n[[expect]]\nevent = 'smtp.rcpt'\n{word} = 1"),
        &|word| rule(&format!("on = 'smtp.rcpt'\ndo = {{ {word} = 'x' }}")),
        &|word| rule(&format!("on = 'smtp.rcpt'\nwhen = {{ {word} = 'x' }}\ndo = {{ pass = true }}")),
        &|word| rule(&format!("on = 'smtp.rcpt'\nwhen = {{ verb = {{ {word} = 'x' }} }}\ndo = {{ pass = true }}")),
        &|word| rule(&format!("on = 'smtp.rcpt'\ndo = {{ close = '{word}' }}")),
        &|word| rule(&format!("on = 'imap.{word}'\ndo = {{ close = 'rst' }}")),
        &|word| rule(&format!("on = 'smtp.{word}'\ndo = {{ close = 'rst' }}")),
    ];
    for (meaning, words) in SYNONYMS {
        for word in *words {
            let is_suggested = |text: String| {
                let errors =
                    Scenario::text("x.toml", text).check().map_or_else(|error| error.to_string(), |_| String::new());
                let line = errors.lines().find(|line| line.contains("did you mean"));
                line.is_some_and(|line| line.contains(&format!("{meaning}`")))
            };
            assert!(places.iter().any(|place| is_suggested(place(word))), "`{word}` does not lead to `{meaning}`");
        }
    }
}

#[test]
fn a_rule_with_an_alias_keeps_the_name_of_the_event() {
    for (alias, name) in ALIASES {
        let text =
            format!("mailjig = 1\n[[rule]]\non = '{alias}'\ndo = {{ note = 'x' }}\n[[expect]]\nevent = '{alias}'");
        let loaded = Scenario::text("x.toml", text).load().unwrap_or_else(|error| panic!("{error}"));
        let on: Vec<&str> = loaded.rules[0].on.iter().map(|on| &*on.written).collect();
        assert_eq!(on, [*name]);
        assert!(rule_as_toml(&loaded.rules[0]).contains(&format!("on = \"{name}\"")), "{alias}");
        assert_eq!(fragments::event(alias), fragments::event(name));
    }
}
