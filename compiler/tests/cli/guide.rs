//! The guide's console blocks are run, in their order, in one folder; with `BLESS=1` their outputs are written again.

use std::path::Path;
use std::process::Command;

use crate::Desk;

#[test]
fn the_guide_shows_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/first-policy.md");
    let kept = std::fs::read_to_string(&path).expect("the guide");
    let made = run_blocks(&kept);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("written");
    } else {
        assert!(
            kept == made,
            "docs/guide/first-policy.md is stale: run this test with BLESS=1"
        );
    }
}

/// The page with the output of every command put in place of what stands there.
fn run_blocks(page: &str) -> String {
    let desk = Desk::new();
    let mut out = String::new();
    let mut in_block = false;
    for line in page.lines() {
        match (line, line.strip_prefix("$ ")) {
            ("```console", _) => in_block = true,
            ("```", _) => in_block = false,
            (_, Some(command)) if in_block => {
                out.push_str(&format!("{line}\n{}", shell(&desk, command)));
                continue;
            }
            _ if in_block => continue,
            _ => {}
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn shell(desk: &Desk, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_stopgate"))
        .parent()
        .expect("a folder");
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .output()
        .expect("a shell");
    String::from_utf8(output.stdout).expect("UTF-8")
}
