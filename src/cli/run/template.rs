//! Texts with placeholders, as in `smtp://{smtp.host}:{smtp.port}`.

use crate::base::nearest;

/// Replaces each `{name}` by its value; `{{` and `}}` are braces. Fails with what is right.
pub(super) fn filled(template: &str, values: &[(String, String)]) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(brace) = ["{{", "}}"].into_iter().find(|brace| from.starts_with(brace)) {
            out.push_str(&brace[..1]);
            rest = &from[2..];
            continue;
        }
        let inner = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, after) = inner.ok_or("a brace that is not part of a placeholder is written twice, `{{` or `}}`")?;
        out.push_str(value(name, values)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value<'v>(name: &str, values: &'v [(String, String)]) -> Result<&'v str, String> {
    if let Some((_, value)) = values.iter().find(|(its, _)| its == name) {
        return Ok(value);
    }
    let known: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    let nearest = nearest(name, known.iter().copied()).map(|nearest| nearest + " ").unwrap_or_default();
    let known = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
    Err(format!("unknown placeholder `{{{name}}}`; {nearest}The placeholders are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_doubled_braces_are_braces() {
        let values =
            [("smtp.host", "127.0.0.1"), ("smtp.port", "25")].map(|(name, value)| (name.to_owned(), value.to_owned()));

        for (template, text) in [
            ("", ""),
            ("plain", "plain"),
            ("smtp://{smtp.host}:{smtp.port}/", "smtp://127.0.0.1:25/"),
            ("{{\"port\": {smtp.port}}}", "{\"port\": 25}"),
            ("{{smtp.port}}", "{smtp.port}"),
        ] {
            assert_eq!(filled(template, &values).as_deref(), Ok(text), "{template}");
        }
        assert_eq!(
            filled("{smtp.prot}", &values).unwrap_err(),
            "unknown placeholder `{smtp.prot}`; did you mean `smtp.port`? The placeholders are {smtp.host}, {smtp.port}"
        );
        for wrong in ["{", "}", "a}b", "{smtp.host", "{}"] {
            assert!(filled(wrong, &values).is_err(), "{wrong}");
        }
    }
}
