use crate::fixture::{base, compiled};
use std::fmt::Write as _;
#[test]
fn zz_big() {
    for bad in [false, true] {
        let mut files = base();
        let head = String::from_utf8(files["rules/erp.yaml"].clone()).unwrap();
        let mut profiles = String::from_utf8(files["profiles.yaml"].clone()).unwrap();
        for p in 0..2500 {
            let _ = writeln!(profiles, "  p{p}:\n    groups: [g{p}]");
        }
        let mut rules = head;
        for p in 0..2500 {
            for k in 0..3 {
                let _ = writeln!(
                    rules,
                    "  - {{id: r{p}-{k}, operations: [{}], profiles: [{}p{p}], risk: low, approval: automatic, when: context.input.order_id == \"A{k}\"}}",
                    if bad { "get_ordr" } else { "get_order" },
                    if bad { "x" } else { "" }
                );
            }
        }
        println!("bytes {}", rules.len());
        files.insert("rules/erp.yaml".into(), rules.into_bytes());
        files.insert("profiles.yaml".into(), profiles.into_bytes());
        let t = std::time::Instant::now();
        let c = compiled(files);
        println!(
            "{:?} {:?} {:?}",
            t.elapsed(),
            c.diagnostics.counts(),
            c.summary
        );
        let t = std::time::Instant::now();
        let r = c.diagnostics.render(&c.sources, false).len();
        println!("render {r} {:?}", t.elapsed());
    }
}
