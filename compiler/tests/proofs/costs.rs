//! What rules cost, counted where authors can still mend it and where a sidecar would refuse the bundle.

use std::path::Path;

use stopgate_author::cedar::most_steps;
use stopgate_author::compile::{Sources, compile};
use stopgate_author::policy::Policy;
use stopgate_decide::bundle::Bundle;

fn policy(folder: &str) -> Policy {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("inside").to_str();
                let name = name.expect("UTF-8").to_owned();
                files.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    compile(Sources::new(files)).policy.expect("a policy")
}

/// Checks that a bundle that is built opens: nothing is counted higher in a bundle than where its author could have
/// mended it.
#[test]
fn authors_rules_are_counted_no_lower_than_those_of_the_bundle() {
    for folder in ["../policy-lang/author/tests/base", "../policies"] {
        let policy = policy(folder);
        let (root, bytes) = stopgate::build::rehearsal(&policy).expect("a bundle");
        let bundle = Bundle::open(&bytes, &root).expect("a bundle");
        let mut of_rules = 0;
        for (tool, described) in &policy.tools {
            for operation in described.operations.keys() {
                for bytes in [0, 100, policy.input_bytes] {
                    let long = u64::try_from(bytes).expect("a length");
                    let authors = most_steps(&policy, tool, operation, long).expect("there");
                    let bundles = bundle.most_steps(tool.as_str(), operation.as_str(), bytes);
                    let bundles = bundles.expect("there");
                    assert!(
                        authors >= bundles,
                        "{tool}/{operation} at {bytes}: {authors} and {bundles}"
                    );
                    // Checking an input of no bytes takes no steps, so these are the rules' own.
                    of_rules = of_rules.max(if bytes == 0 { bundles } else { 0 });
                }
            }
        }
        assert!(of_rules > 5, "{folder}: nothing was counted");
    }
}
