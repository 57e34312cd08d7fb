//! The architecture as a test: a floor imports only floors below it, some words are forbidden in some floors, tests
//! have deadlines, public items have examples, and the guide for contributors fits the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Floors, from the bottom up. A floor may import itself and every floor of an earlier line; floors on one line must
/// not import each other.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["mail", "sasl"],
    &["oauth"],
    &["protocol"],
    &["journal"],
    &["document"],
    &["rule"],
    &["expect"],
    &["scenario"],
    &["world"],
    &["drive"],
    &["server", "page"],
    &["harness", "api"],
    &["embedded_api"],
    &["cli"],
];

/// Words that code in these floors must not use, as whole identifiers outside of comments and strings.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("protocol", &["fault", "rule", "scenario", "journal", "rustls"]),
    ("base", SOCKETS),
    ("mail", SOCKETS),
    ("sasl", SOCKETS),
    ("oauth", SOCKETS),
    ("protocol", SOCKETS),
    ("journal", SOCKETS),
    ("document", SOCKETS),
    ("rule", SOCKETS),
    ("expect", SOCKETS),
    ("scenario", SOCKETS),
    ("world", SOCKETS),
    ("page", SOCKETS),
];
const SOCKETS: &[&str] = &["tokio", "TcpStream", "TcpListener", "SystemTime", "Instant"];

#[test]
fn every_floor_imports_only_floors_below_it() {
    let violations = violations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));

    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn violations_are_reported() {
    let violations = violations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/house"));

    assert_eq!(
        violations,
        [
            "mail/mod.rs:4: `mail` imports `protocol`, which is not below it",
            "mail/mod.rs:5: `mail` imports `server`, which is not below it",
            "mail/mod.rs:13: `mail` uses the word `tokio`",
            "protocol/smtp.rs:4: `protocol` imports `journal`, which is not below it",
            "protocol/smtp.rs:4: `protocol` uses the word `journal`",
            "protocol/smtp.rs:7: `protocol` uses the word `fault`",
            "stray.rs:1: `stray` is no floor of the house",
        ]
    );
}

/// Calls that can make a test hang, or fail on a busy machine, and what to use instead.
const NO_DEADLINE: &[(&str, &str)] = &[
    ("TcpStream::connect(", "`deadline::connect` has timeouts"),
    (".output()", "`support::output` kills a command that hangs"),
    (".spawn()", "`support::start` kills a command that hangs"),
    ("yield_now(", "`deadline::until` ends"),
    ("sleep(", "wait for a fact, or advance the server's clock"),
    ("elapsed(", "assert a fact, not how long it took"),
];
/// Files that may use these calls: the helpers with deadlines, and the benches.
const MAY_WAIT: &[&str] = &["house.rs", "clients/deadline.rs", "clients/support.rs", "benches/"];

#[test]
fn every_test_that_waits_has_a_deadline() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    for extension in ["rs", "py", "js", "rb", "pl"] {
        collect(&tests, extension, &mut files);
    }

    let mut violations = Vec::new();
    for file in files {
        let name = file.strip_prefix(&tests).expect("it was found there").to_string_lossy().replace('\\', "/");
        if MAY_WAIT.iter().any(|its| name.starts_with(its)) {
            continue;
        }
        let code = without_comments_and_strings(&fs::read_to_string(&file).expect("source is UTF-8"));
        for (line, text) in code.lines().enumerate() {
            for (found, instead) in NO_DEADLINE.iter().filter(|(found, _)| text.contains(found)) {
                violations.push(format!("{name}:{}: `{found}`: {instead}", line + 1));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Ways to take a name apart or compare it as text, instead of using the typed protocol or listener.
const NAME_AS_TEXT: &[&str] = &[".name().split", ".name().starts_with", ".name().ends_with", ".name().strip_"];

#[test]
fn protocols_and_listeners_are_types_and_not_compared_as_text() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let compared = mailjig::Listener::ALL.iter().flat_map(|listener| {
        let forms = ["== \"{}\"", "!= \"{}\"", "\"{}\" =>", "\"{}\" |", "| \"{}\""];
        forms.map(|form| form.replace("{}", listener.name()))
    });
    let forbidden: Vec<String> = NAME_AS_TEXT.iter().map(|form| (*form).to_owned()).chain(compared).collect();
    let mut files = Vec::new();
    collect(&src, "rs", &mut files);

    let mut violations = Vec::new();
    for file in files {
        let name = file.strip_prefix(&src).expect("it was found there").to_string_lossy().replace('\\', "/");
        let source = fs::read_to_string(&file).expect("source is UTF-8");
        let code = source.lines().enumerate().filter(|(_, text)| !text.trim_start().starts_with("//"));
        for (line, text) in code {
            for found in forbidden.iter().filter(|found| text.contains(found.as_str())) {
                violations.push(format!("{name}:{}: `{found}`: ask for the `Protocol` or the `Listener`", line + 1));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Names that several types of the crate share, because they mean the same in each place.
const SAME_MEANING: &[(&str, &[&str])] = &[
    ("what each protocol's machine has for itself", &["Config", "Limits", "Request"]),
    ("the public handle of what a floor below keeps", &["Account", "Clock", "Entry", "Mailbox", "Mounted", "Rule"]),
    ("the marker of where a rule stands has the name of the place", &["Imap", "Pop3", "Server", "Smtp"]),
    ("a step and what it says", &["Reply"]),
    ("one step, of a rule or of a dialogue", &["Step"]),
];

#[test]
fn type_names_visible_in_several_files_are_unique() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, "rs", &mut files);
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(&src).expect("it was found there").to_string_lossy().replace('\\', "/");
        for line in without_comments_and_strings(&fs::read_to_string(&file).expect("source is UTF-8")).lines() {
            let item = line.trim_start();
            let item = item.strip_prefix("pub(crate) ").or_else(|| item.strip_prefix("pub "));
            let kinds = ["struct ", "enum ", "trait "];
            let Some(rest) = item.and_then(|item| kinds.iter().find_map(|kind| item.strip_prefix(kind))) else {
                continue;
            };
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            places.entry(rest[..end].to_owned()).or_default().insert(name.clone());
        }
    }
    assert!(places.len() > 100, "types are found");

    let allowed: Vec<&str> = SAME_MEANING.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let twice: Vec<&String> = places.iter().filter(|(_, files)| files.len() > 1).map(|(name, _)| name).collect();
    let violations: Vec<_> = twice.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    let unused: Vec<_> = allowed.iter().filter(|name| !twice.iter().any(|its| its == *name)).collect();
    assert!(violations.is_empty(), "types with one name: {violations:?}, of {places:?}");
    assert!(unused.is_empty(), "no longer needed: {unused:?}");
}

#[test]
fn every_public_item_has_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let without = items_without_example(&root.join("src"));
    assert!(without.is_empty(), "\n{}", without.join("\n"));

    let of_fixture = items_without_example(&root.join("fixtures/house"));
    assert_eq!(of_fixture, ["mail/mod.rs:18: `pub struct Undocumented;` has no example"]);
}

/// The `pub` items without an example in their documentation. The lint `unreachable_pub` makes sure that `pub` is
/// public.
fn items_without_example(src: &Path) -> Vec<String> {
    const KINDS: &[&str] =
        &["fn ", "async fn ", "const fn ", "struct ", "enum ", "trait ", "type ", "const ", "static "];
    let mut files = Vec::new();
    collect(src, "rs", &mut files);
    files.sort();

    let mut without = Vec::new();
    for file in files {
        let name = file.strip_prefix(src).expect("it was found there").to_string_lossy().replace('\\', "/");
        // The modules of the binary are hidden.
        if name.starts_with("cli/") || name == "main.rs" {
            continue;
        }
        let source = fs::read_to_string(&file).expect("source is UTF-8");
        let mut block = String::new();
        for (line, text) in source.lines().enumerate() {
            let item = text.trim();
            let is_public =
                item.strip_prefix("pub ").is_some_and(|rest| KINDS.iter().any(|kind| rest.starts_with(kind)));
            // If a macro gets the documentation as an argument, its callers have the example.
            if is_public && !block.contains("```") && !block.contains("#[$doc]") {
                without.push(format!("{name}:{}: `{item}` has no example", line + 1));
            }
            match item.is_empty() {
                true => block.clear(),
                false => block.push_str(item),
            }
        }
    }
    without
}

#[test]
fn the_worked_commits_of_the_guide_fit_the_code() {
    let wrong = misfits(&fs::read_to_string(file("CONTRIBUTING.md")).expect("the guide is UTF-8"));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));

    let guide = "```diff\n--- src/gone.rs\n+new\n--- src/lib.rs\n-    old line\n```\n\n`src/lib.rs`:\n";
    assert_eq!(
        misfits(guide),
        [
            "line 2: `src/gone.rs` does not exist",
            "line 5: `src/lib.rs` does not have the line `    old line`",
            "line 8: `src/lib.rs` already exists",
        ]
    );
}

/// The files of the worked commits that do not exist, or exist already, and the lines that they remove and that are not
/// there. A commit names a new file in a line of its own, and a changed file after `---`.
fn misfits(guide: &str) -> Vec<String> {
    let (mut wrong, mut changed, mut is_diff) = (Vec::new(), ("", String::new()), false);
    for (line, text) in (1..).zip(guide.lines()) {
        if text.starts_with("```") {
            is_diff = text == "```diff";
        } else if let Some(new) = text.strip_prefix('`').and_then(|its| its.strip_suffix("`:")) {
            if file(new).exists() {
                wrong.push(format!("line {line}: `{new}` already exists"));
            }
        } else if let Some(path) = text.strip_prefix("--- ").filter(|_| is_diff) {
            changed = (path, fs::read_to_string(file(path)).unwrap_or_default());
            if changed.1.is_empty() {
                wrong.push(format!("line {line}: `{path}` does not exist"));
            }
        } else if let Some(removed) = text.strip_prefix('-').filter(|_| is_diff)
            && !changed.1.lines().any(|its| its == removed)
        {
            let path = changed.0;
            wrong.push(format!("line {line}: `{path}` does not have the line `{removed}`"));
        }
    }
    wrong
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn violations(src: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(src, "rs", &mut files);
    files.sort();
    assert!(!files.is_empty(), "there is no source in {}", src.display());

    let mut violations = Vec::new();
    for file in files {
        let name = file.strip_prefix(src).expect("it was found there").to_string_lossy().replace('\\', "/");
        let floor = name.split(['/', '.']).next().unwrap_or_default().to_owned();
        if ["lib", "main", "manual"].contains(&floor.as_str()) {
            continue;
        }
        let Some(level) = level(&floor) else {
            violations.push(format!("{name}:1: `{floor}` is no floor of the house"));
            continue;
        };
        let code = without_comments_and_strings(&fs::read_to_string(&file).expect("source is UTF-8"));
        for (line, text) in code.lines().enumerate() {
            let line = line + 1;
            for import in imports(&code, line, text) {
                // A name that is not a floor is public at the crate's root.
                let is_below = self::level(&import).is_none_or(|its| its < level) || import == floor;
                if !is_below {
                    violations.push(format!("{name}:{line}: `{floor}` imports `{import}`, which is not below it"));
                }
            }
            for (_, words) in FORBIDDEN.iter().filter(|(its, _)| *its == floor) {
                for word in words.iter().filter(|word| has_word(text, word)) {
                    violations.push(format!("{name}:{line}: `{floor}` uses the word `{word}`"));
                }
            }
        }
    }
    violations
}

fn level(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&floor))
}

/// What follows `crate::` on this line; for `use crate::{a, b}`, however long, each of its items.
fn imports(code: &str, line: usize, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if rest.starts_with('{') {
            let from: usize = code.lines().take(line - 1).map(|line| line.len() + 1).sum::<usize>() + at;
            let group = &code[from + "crate::{".len()..];
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut name)),
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push(name);
        } else {
            found.push(rest.to_owned());
        }
    }
    let first =
        |path: &String| -> String { path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    found.iter().map(first).filter(|name| !name.is_empty()).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|its| its == word)
}

/// The same lines with blanked comments and string contents.
fn without_comments_and_strings(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r\"")
            || rest.starts_with("r#")
            || rest.starts_with("br\"")
            || rest.starts_with("br#")
        {
            raw_string(rest)
        } else if c == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("b'\"'") {
            rest.find("\"'").map_or(1, |end| end + 2)
        } else {
            0
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    out
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let hashes = text.trim_start_matches(['b', 'r']).chars().take_while(|c| *c == '#').count();
    let open = text.find('"').map_or(text.len(), |at| at + 1);
    // `r#type` is an identifier.
    if open > 3 + hashes {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    text[open..].find(&close).map_or(text.len(), |at| open + at + close.len())
}

fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, files);
        } else if path.extension().is_some_and(|its| its == extension) {
            files.push(path);
        }
    }
}
