//! The commands of the README, word for word, as somebody types them who has just cloned the repository.

use std::process::Command;

use stopgate_tests::programs::Programs;
use stopgate_tests::stage::said;

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The lines of the README's code blocks, with continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    let text = blocks.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    text.lines()
        .filter(|line| line.starts_with("cargo stopgate "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let page = std::fs::read_to_string(format!("{TOP}/README.md")).expect("the README");
    let home = tempfile::tempdir().expect("a folder");
    let stopgate = Programs::built().expect("programs").stopgate();
    let commands = commands(&page);
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        // What the alias in .cargo/config.toml builds and runs.
        let line = command.replace("cargo stopgate", &stopgate.display().to_string());
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(TOP)
            .env("HOME", home.path())
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{command}: {}", said(&output));
    }
}
