//! Random repositories, and what every command sees of them, file by file.
//!
//! What a revision holds is asked of git's own plumbing, which knows nothing of work trees either. However a change
//! dresses its files, with links, attributes, modes, names and what git passes over, all commands have to see those
//! bytes; and where the folder shows others, nothing is built or signed from it.
//!
//! `STOPGATE_VIEWS` and `STOPGATE_SEED` change how many repositories are made and which.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use stopgate_decide::digest::Digest;
use stopgate_decide::visible::visible;

use crate::{Desk, Run};

/// Files by name, each with its digest, or that it was refused.
type View = BTreeMap<String, String>;

const REFUSED: &str = "refused";

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most).expect("small")).expect("small")
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all.get(self.below(all.len())).expect("one of them")
    }
}

/// A committed repository with a review, and somebody who may sign it.
fn desk() -> Desk {
    let desk = Desk::with_repository();
    for name in ["root", "ana"] {
        assert_eq!(desk.run(&["keygen", name]).exit, 0);
    }
    let root = ["root", "--key=root.key", "--reviewer=ana.pub"];
    let run = desk.run(&[&root[..], &["-o", "p/trust/root.dsse.json"]].concat());
    assert_eq!(run.exit, 0, "{}", run.shown());
    std::fs::create_dir(desk.path("p/reviews")).expect("a folder");
    let review = "stopgate: 1\nreview: 2099-Q1\nnext: 2099-06-30\nrules: [tickets/read]\n";
    std::fs::write(desk.path("p/reviews/2099-Q1.yaml"), review).expect("written");
    desk.edit(
        "p/rules/tickets.yaml",
        "stopgate: 1",
        "stopgate: 1 # \u{f6} $Id$",
    );
    desk.commit("p");
    desk.git("p", &["branch", "start"]);
    // What a filter makes of texts when they are checked out: another, well-formed policy.
    let smudge = [
        "config",
        "filter.swap.smudge",
        "sed s/support-lead/support/",
    ];
    desk.git("p", &smudge);
    desk.git("p", &["config", "filter.swap.clean", "cat"]);
    desk
}

const FILES: [&str; 3] = ["rules/tickets.yaml", "profiles.yaml", "tests/tickets.yaml"];
const ATTRIBUTES: [&str; 6] = [
    "*.yaml ident",
    "*.yaml text eol=crlf",
    "rules/* text working-tree-encoding=ISO-8859-1",
    "profiles.yaml filter=swap",
    "rules/tickets.yaml filter=swap",
    "*.yaml -text -diff export-ignore",
];
const NAMES: [&str; 7] = [
    "rules/two words.yaml",
    "rules/\u{f6}.cedar",
    "rules/*.yaml",
    "rules/-f.yaml",
    "rules/new\nline.yaml",
    "notes.yml",
    "tests/.hidden.yaml",
];
const LINKS: [(&str, &str); 6] = [
    ("tickets.yaml", "rules/same.yaml"),
    ("../profiles.yaml", "rules/up.yaml"),
    ("deep/../../profiles.yaml", "rules/through.yaml"),
    ("../../outside", "rules/deep"),
    ("rules", "more"),
    ("nowhere", "waivers"),
];

fn put(desk: &Desk, name: &str, text: &str) {
    let path = desk.path("p").join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

/// One change that is committed.
fn dress(desk: &Desk, random: &mut Random) {
    match random.below(8) {
        0 | 1 => {
            let line = random.of(&ATTRIBUTES);
            put(
                desk,
                random.of(&[".gitattributes", "rules/.gitattributes"]),
                line,
            );
        }
        2 => {
            let (to, name) = LINKS.get(random.below(LINKS.len())).expect("one of them");
            let _one_is_there_already = symlink(to, desk.path("p").join(name));
        }
        3 => put(desk, random.of(&NAMES), "# nothing\n"),
        4 => {
            let mode = std::fs::Permissions::from_mode(0o755);
            let path = desk.path("p").join(random.of(&FILES));
            std::fs::set_permissions(path, mode).expect("set");
        }
        5 => {
            let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
            put(desk, "rules/large.cedar", pointer);
        }
        6 => {
            let commit = desk.git("p", &["rev-parse", "HEAD"]);
            let place = random.of(&["rules/module", "module", "catalog/other.yaml"]);
            let entry = format!("160000,{commit},{place}");
            desk.git("p", &["update-index", "--add", "--cacheinfo", &entry]);
        }
        _ => put(desk, "README.md", "prose\n"),
    }
}

/// One change that is not.
fn disturb(desk: &Desk, random: &mut Random) {
    let file = random.of(&FILES);
    let more = |desk: &Desk| {
        let path = desk.path("p").join(file);
        let mut bytes = std::fs::read(&path).unwrap_or_default();
        bytes.extend_from_slice(b"# more\n");
        std::fs::write(path, bytes).expect("written");
    };
    match random.below(7) {
        0 => more(desk),
        1 => {
            desk.git("p", &["update-index", "--assume-unchanged", file]);
            more(desk);
        }
        2 => {
            desk.git("p", &["update-index", "--skip-worktree", file]);
            more(desk);
        }
        3 => {
            put(desk, ".git/info/exclude", "*.cedar\n");
            put(desk, "rules/ignored.cedar", "// nothing\n");
        }
        4 => {
            let _removed_before = std::fs::remove_file(desk.path("p").join(file));
        }
        5 => put(desk, "notes.txt", "no policy\n"),
        _ => {}
    }
}

/// Whether a file of this path is a document, said once more and otherwise.
fn is_document(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.starts_with('.')) || parts.first() == Some(&"trust") {
        return false;
    }
    let ends = |ending: &str| path.to_lowercase().ends_with(ending);
    let is_folder = parts.len() > 1
        && ["catalog", "rules", "tests"]
            .iter()
            .any(|one| parts.first() == Some(one));
    is_folder && !ends(".md") || [".yaml", ".yml", ".cedar"].iter().any(|one| ends(one))
}

/// What git's plumbing says that HEAD holds.
fn committed(desk: &Desk) -> View {
    let plumbing = |args: &[&OsStr]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(desk.path("p"))
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {args:?}: {output:?}");
        output.stdout
    };
    let args = ["ls-tree", "-r", "-z", "HEAD"].map(OsStr::new);
    let listed = plumbing(&args);
    let mut view = View::new();
    for entry in listed
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
    {
        let tab = entry.iter().position(|byte| *byte == b'\t').expect("a tab");
        let (about, path) = entry.split_at(tab);
        let path = path.strip_prefix(b"\t").expect("a tab");
        let path = std::str::from_utf8(path).expect("UTF-8");
        let about = std::str::from_utf8(about).expect("UTF-8");
        let fields: Vec<&str> = about.split(' ').collect();
        let [mode, _, id] = fields.as_slice() else {
            panic!("{about}")
        };
        let is_hidden = path.split('/').any(|part| part.starts_with('.'));
        let shown = visible(path, usize::MAX);
        if ["120000", "160000"].contains(mode) && !is_hidden {
            view.insert(shown, REFUSED.to_owned());
        } else if is_document(path) {
            let bytes = plumbing(&["cat-file", "blob", id].map(OsStr::new));
            let what = if bytes.starts_with(b"version https://git-lfs") {
                REFUSED.to_owned()
            } else {
                Digest::compute(&bytes).to_string()
            };
            view.insert(shown, what);
        }
    }
    view
}

/// What a run says that it read, of what is called `name`.
fn view(run: &Run, name: &str) -> View {
    let lines = run.stderr.lines().filter_map(|line| {
        let (path, rest) = line.strip_prefix("read ")?.rsplit_once(" of ")?;
        let (from, what) = rest.rsplit_once(": ")?;
        from.starts_with(name)
            .then(|| (path.to_owned(), what.to_owned()))
    });
    lines.collect()
}

/// What stands on the disk, without carriage returns before line feeds; `None` for what is no file.
fn on_disk(desk: &Desk, path: &str) -> Option<Vec<u8>> {
    let path = desk.path("p").join(OsStr::from_bytes(path.as_bytes()));
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    let bytes = is_file.then(|| std::fs::read(path).expect("read"))?;
    let text = bytes.split(|byte| *byte == b'\n');
    let text: Vec<&[u8]> = text
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    Some(text.join(&b'\n'))
}

/// Whether something was refused, and whether the folder was HEAD.
fn judge(seed: u64) -> (bool, bool) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let desk = desk();
    for _ in 0..=random.below(3) {
        dress(&desk, &mut random);
    }
    // What is in the index alone stays there: a submodule has no files here.
    let add = [
        "-c",
        "core.safecrlf=false",
        "add",
        "--all",
        "--ignore-removal",
        ".",
    ];
    desk.git("p", &add);
    desk.git("p", &["commit", "-q", "--allow-empty", "-m", "dressed"]);
    // Everything is written out once more, as a fresh clone would.
    let clean = ["-c", "advice.detachedHead=false", "checkout", "-q", "-f"];
    desk.git("p", &[&clean[..], &["start"]].concat());
    desk.git("p", &[&clean[..], &["main"]].concat());
    for _ in 0..random.below(3) {
        disturb(&desk, &mut random);
    }
    let wanted = committed(&desk);
    let is_refused = wanted.values().any(|what| what == REFUSED);

    let sign = [
        "sign",
        "p/reviews/2099-Q1.yaml",
        "--review",
        "--key=ana.key",
    ];
    let explain = ["explain", "p", "--tool=tickets", "--operation=get_ticket"];
    let diff = ["diff", "p", "--base=start", "--head=HEAD", "--digest"];
    let build = ["build", "p"];
    for (command, revision) in [
        (&["check", "p"][..], "--rev=HEAD"),
        (&["test", "p"], "--rev=HEAD"),
        (&["matrix", "p"], "--rev=HEAD"),
        (&explain, "--rev=HEAD"),
        (&diff, "-v"),
        (&build, "--rev=HEAD"),
        (&sign, "--rev=HEAD"),
    ] {
        let flags: &[&str] = if revision == "-v" {
            &["-v"]
        } else {
            &[revision, "-v"]
        };
        let run = desk.run(&[command, flags].concat());
        assert_eq!(
            view(&run, "HEAD"),
            wanted,
            "{seed}, {command:?}: {}",
            run.shown()
        );
        if is_refused {
            assert_eq!(run.exit, 3, "{seed}, {command:?}: {}", run.shown());
        }
    }

    // The folder is HEAD if every document of the one is that of the other.
    let check = desk.run(&["check", "p", "-v"]);
    let files = view(&check, "files");
    let is_same = |path: &String| match (files.get(path), wanted.get(path)) {
        (Some(one), Some(other)) if one == other => true,
        (Some(_), Some(other)) => {
            let text = on_disk(&desk, path).map(|text| Digest::compute(&text).to_string());
            text.is_some_and(|text| text == *other)
        }
        _ => false,
    };
    let is_head = files.keys().chain(wanted.keys()).all(is_same);
    for command in [&build[..], &sign] {
        let run = desk.run(command);
        assert_eq!(
            run.exit != 2,
            is_head,
            "{seed}, {command:?}: {}",
            run.shown()
        );
    }
    let named = desk.run(&["build", "p", "--rev=HEAD", "--format=json"]);
    if is_head && named.exit == 0 {
        let built = desk.run(&["build", "p", "--format=json"]);
        assert_eq!(built.json()["digest"], named.json()["digest"], "{seed}");
        let judged = desk.run(&[&diff[..], &["--format=json"]].concat());
        assert_eq!(judged.json()["bundle"], named.json()["digest"], "{seed}");
    }
    (is_refused, is_head)
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

#[test]
fn t1_t2_every_command_sees_what_was_committed_file_by_file() {
    let (cases, first) = (number("STOPGATE_VIEWS", 12), number("STOPGATE_SEED", 1));
    let next = AtomicU64::new(0);
    let worker = || {
        let mut met = BTreeMap::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= cases {
                return met;
            }
            *met.entry(judge(first + number)).or_insert(0_u64) += 1;
            if (number + 1).is_multiple_of(100) {
                println!("repository {} of {cases}", number + 1);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let met = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let mut all = BTreeMap::new();
        for worker in running {
            match worker.join() {
                Ok(met) => met
                    .into_iter()
                    .for_each(|(kind, count)| *all.entry(kind).or_insert(0) += count),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    println!("first seed {first}, repositories by (refused, folder is HEAD): {met:?}");
    // Else the repositories are not as odd as they should be.
    for kind in [(false, false), (false, true), (true, false), (true, true)] {
        assert!(met.contains_key(&kind), "{kind:?}");
    }
}
