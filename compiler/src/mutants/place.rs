//! Where the keys of a document stand, for people to look at: rules bring their places with them, the catalog and the
//! floors do not.

use stopgate_author::source::SourceMap;
use stopgate_decide::name::Location;

/// Returns the line of the last of `keys`, each inside the one before, in the document `file`. If not all are found, it
/// is the line of the last one that is; if none is, the first line.
pub(super) fn of_key(sources: &SourceMap, file: &str, keys: &[&str]) -> Location {
    let source = sources.files().find(|source| &**source.path() == file);
    let mut at = Location {
        file: source.map_or_else(|| file.into(), |source| source.path().clone()),
        line: 1,
    };
    let Some(source) = source else { return at };
    let mut keys = keys.iter();
    let (mut wanted, mut depth) = (keys.next(), 0);
    for (line, number) in source.text().lines().zip(1_u32..) {
        let Some(key) = wanted else { break };
        let text = line.trim_start();
        let indent = line.len().saturating_sub(text.len());
        if text.is_empty() || text.starts_with('#') || indent < depth {
            continue;
        }
        let value = text.strip_prefix(key).map(str::trim_start);
        if value.is_some_and(|value| value.starts_with(':')) {
            at.line = number;
            depth = indent.saturating_add(1);
            wanted = keys.next();
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_inside_each_other() {
        let mut sources = SourceMap::default();
        sources.add(
            "catalog/erp.yaml",
            b"stopgate: 1\noperations:\n  # get: not\n  get: {effect: read}\n  get_all:\n    effect: read\n",
        );
        let line = |keys: &[&str]| of_key(&sources, "catalog/erp.yaml", keys).line;
        assert_eq!(line(&["operations", "get"]), 4);
        assert_eq!(line(&["operations", "get_all"]), 5);
        assert_eq!(line(&["operations", "none"]), 2);
        assert_eq!(line(&["none"]), 1);
        assert_eq!(of_key(&sources, "none", &["x"]).to_string(), "none:1");
    }
}
