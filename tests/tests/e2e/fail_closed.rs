//! The fail-closed table: every row of `docs/reference/fail-closed.md` is brought about, and the answer compared.

use std::path::Path;

use crate::faults;

/// Part, state and expected answer of every row of the page.
fn rows(page: &str) -> Vec<[&str; 3]> {
    page.lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.try_into().expect("three cells")
        })
        .collect()
}

#[tokio::test]
async fn t34_t36_t47_every_failing_part_fails_closed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/fail-closed.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut wrong = Vec::new();
    let mut scenarios = faults::all();
    for [part, state, expected] in rows(&page) {
        let Some(at) = scenarios
            .iter()
            .position(|it| (it.part, it.state) == (part, state))
        else {
            wrong.push(format!("{part}, {state}: nobody brings this about"));
            continue;
        };
        match scenarios.swap_remove(at).run().await {
            Ok(answer) if answer == expected => {}
            Ok(answer) => wrong.push(format!("{part}, {state}: {answer}, expected {expected}")),
            Err(error) => wrong.push(format!("{part}, {state}: {error:#}")),
        }
    }
    wrong.extend(
        scenarios
            .iter()
            .map(|it| format!("{}, {}: not on the page", it.part, it.state)),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
