//! What an editor makes of a repository that `stopgate init` wrote: mistakes, completion and explanations, from the
//! YAML language server that editors use. Nothing is fetched: the schemas lie in the repository.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod server;

use std::path::Path;

use server::Server;
use stopgate::init::{BANK, MINIMAL, init};

const RULES: &str = "rules/tickets.yaml";

/// The rules that `stopgate init` writes in `folder`, with `from` replaced by `to`; and the line where `to` begins.
fn rules(folder: &Path, from: &str, to: &str) -> (String, usize) {
    let text = std::fs::read_to_string(folder.join(RULES)).expect("the rules");
    let at = text.find(from).expect("the place");
    let line = text.split_at(at).0.matches('\n').count();
    (text.replacen(from, to, 1), line)
}

#[test]
fn every_document_that_init_writes_is_without_mistakes() {
    for template in [MINIMAL, BANK] {
        let folder = tempfile::tempdir().expect("a folder");
        init(folder.path(), template).expect("a repository");
        let mut server = Server::start(folder.path());
        for (name, _) in template.iter().filter(|(name, _)| name.ends_with(".yaml")) {
            let text = std::fs::read_to_string(folder.path().join(name)).expect("a document");
            assert!(text.starts_with("# yaml-language-server: "), "{name}");
            assert_eq!(server.open(name, &text), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn an_editor_names_mistakes_completes_keys_and_words_and_explains_them() {
    let folder = tempfile::tempdir().expect("a folder");
    init(folder.path(), MINIMAL).expect("a repository");
    let mut server = Server::start(folder.path());

    let (text, line) = rules(
        folder.path(),
        "    risk: low\n",
        "    risk: tiny\n    rsik: low\n",
    );
    let found = server.open(RULES, &text);
    let wanted = [
        format!(
            "{}: Value is not accepted. Valid values: \"low\", \"medium\", \"high\".",
            line + 1
        ),
        format!("{}: Property rsik is not allowed.", line + 2),
    ];
    for wanted in &wanted {
        assert!(found.contains(wanted), "{wanted}: {found:#?}");
    }

    // A rule that says what it is about, and not yet what it does.
    let (text, line) = rules(
        folder.path(),
        "    risk: low\n    approval: automatic\n",
        "    \n",
    );
    let name = "rules/begun.yaml";
    let found = server.open(name, &text);
    let kinds = "a rule is a grant with `risk` and `approval`, or a `raise`, or a `never`";
    assert!(
        found.iter().any(|found| found.ends_with(kinds)),
        "{found:#?}"
    );
    let offered = server.completions(name, line, 4);
    for key in ["risk", "approval", "raise", "never", "when", "require"] {
        assert!(
            offered.iter().any(|label| label == key),
            "{key}: {offered:?}"
        );
    }
    assert!(!offered.iter().any(|label| label == "id"), "{offered:?}");

    let name = "rules/word.yaml";
    let (text, line) = rules(folder.path(), "    risk: low\n", "    risk: \n");
    server.open(name, &text);
    assert_eq!(
        server.completions(name, line, "    risk: ".len()),
        ["low", "medium", "high"]
    );

    let name = "rules/whole.yaml";
    let (text, line) = rules(folder.path(), "    approval: ", "    approval: ");
    assert_eq!(server.open(name, &text), Vec::<String>::new());
    let explained = server.hover(name, line, 6);
    for words in [
        "Who has to approve each call before it runs.",
        "`automatic`: Nobody is asked.",
    ] {
        assert!(explained.contains(words), "{explained}");
    }
}
