//! `docs/reference/cli.md` is made from the command line itself; with `BLESS=1` it is written, else compared.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;
use stopgate::cli::exit::Exit;

#[test]
fn the_reference_of_the_command_line_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/cli.md");
    let made = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("docs/reference/cli.md");
    assert!(
        kept == made,
        "docs/reference/cli.md is stale: run this test with BLESS=1"
    );
}

fn page() -> String {
    let mut out = String::from(
        "# The command line\n\n\
         What `stopgate --help` and the help of its commands say. JSON outputs have schemas in [schemas/](schemas/). \
         This page is generated; a test keeps it current.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        let _always_fits = writeln!(out, "| {} | {} |", exit.code(), exit.meaning());
    }
    out.push_str("\nWhen several apply, the first of 8, 3, 6, 5, 7, 4 is the one.\n");
    let mut command = stopgate::cli::command();
    command.build();
    section(&mut out, &mut command);
    out
}

fn section(out: &mut String, command: &mut Command) {
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _always_fits = write!(out, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n"));
    for below in command
        .get_subcommands_mut()
        .filter(|below| below.get_name() != "help")
    {
        section(out, below);
    }
}
