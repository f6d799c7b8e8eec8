//! What makes an editor complete and explain the documents of a policy repository: their JSON Schemas in a folder of
//! the repository, and a first line in each document that says where its own is.

use stopgate_author::schema::DocumentKind;

/// The folder of the schemas in a repository. It begins with a dot, so nothing in it is taken for policy.
pub const FOLDER: &str = ".stopgate/schemas";

/// What the first line of a document begins with. Editors that use another server read it too.
const MARK: &str = "# yaml-language-server: $schema=";

/// Returns `text` of the document at `path`, relative to its repository, with a first line that names the document's
/// schema. A line that names another schema is replaced. The text of a file without a schema stays as it is.
#[must_use]
pub fn wired(path: &str, text: &str) -> String {
    let Some(kind) = DocumentKind::from_path(path) else {
        return text.to_owned();
    };
    let body = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with(MARK) => rest,
        _ => text,
    };
    let up = "../".repeat(path.matches('/').count());
    format!("{MARK}{up}{FOLDER}/{}\n{body}", kind.file())
}

/// Returns the schemas of all kinds of documents, each with the name of its file.
pub fn schemas() -> impl Iterator<Item = (&'static str, String)> {
    DocumentKind::ALL
        .iter()
        .map(|kind| (kind.file(), kind.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_names_its_schema_once_and_from_where_it_is() {
        let root = wired("stopgate.yaml", "stopgate: 1\n");
        let line = "# yaml-language-server: $schema=.stopgate/schemas/stopgate.schema.json\n";
        assert_eq!(root, format!("{line}stopgate: 1\n"));
        let below = wired(
            "rules/erp.yaml",
            &format!("{MARK}elsewhere.json\nstopgate: 1\n"),
        );
        let line = "# yaml-language-server: $schema=../.stopgate/schemas/rules.schema.json\n";
        assert_eq!(below, format!("{line}stopgate: 1\n"));
        assert_eq!(wired("rules/guardrails.cedar", "x"), "x");
    }
}
