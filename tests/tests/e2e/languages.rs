//! Stock gRPC clients of other languages, with the examples of the guide word for word, on the socket of a real sidecar.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage, said};

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const SOCKET: &str = "/run/stopgate/sidecar.sock";
const OPTION: &str = r#"options=[("grpc.default_authority", "localhost")],"#;

/// What somebody has who follows the guide: a folder with the interface, and the examples for one socket.
struct Reader {
    folder: tempfile::TempDir,
    socket: PathBuf,
}

impl Reader {
    fn new(socket: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The command of the guide names the interface where it lies in the repository.
        symlink(format!("{TOP}/proto"), folder.path().join("proto")).expect("the interface");
        Self {
            folder,
            socket: socket.to_owned(),
        }
    }

    /// Returns the guide's example in `language`, for this socket.
    fn example(&self, language: &str) -> String {
        let example = block(&guide(), language);
        assert!(example.contains(SOCKET), "{example}");
        example.replace(SOCKET, &self.socket.display().to_string())
    }

    /// Runs `program` on `text`, and gives what it says.
    fn run(&self, program: &mut Command, file: &str, text: &str) -> Output {
        fs::write(self.folder.path().join(file), text).expect("written");
        let command = program.arg(file).current_dir(self.folder.path());
        command
            .output()
            .expect("the program: ci/setup installs all but Go")
    }
}

fn guide() -> String {
    fs::read_to_string(format!("{TOP}/docs/guide/call-the-sidecar.md")).expect("the guide")
}

/// Returns the first block of `language` in `page`.
fn block(page: &str, language: &str) -> String {
    let (_, block) = page
        .split_once(&format!("\n```{language}\n"))
        .expect("a block");
    let (block, _) = block.split_once("\n```").expect("its end");
    block.to_owned()
}

fn python() -> Command {
    Command::new(format!("{TOP}/target/tools/grpc/bin/python"))
}

/// Python as the guide says gets an answer. As it comes it gets none, and an event says what to do: when that changes, the
/// guide is to change.
#[tokio::test(flavor = "multi_thread")]
async fn python_asks_as_the_guide_says() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let reader = Reader::new(&stage.socket());
    let generated = python()
        .args(["-m", "grpc_tools.protoc", "-I", "proto", "--python_out=."])
        .args(["--grpc_python_out=.", "proto/stopgate/v1/enforcement.proto"])
        .current_dir(reader.folder.path())
        .output()
        .expect("grpc_tools, which ci/setup installs");
    assert!(generated.status.success(), "{}", said(&generated));

    let example = reader.example("python");
    let asked = reader.run(&mut python(), "ask.py", &example);
    assert_eq!(
        String::from_utf8_lossy(&asked.stdout),
        "permit\n",
        "{}",
        said(&asked)
    );

    let unknown = example.replace("\"get_order\"", "\"get_ordr\"");
    let asked = reader.run(&mut python(), "unknown.py", &unknown);
    let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(
        answer.starts_with("reject: REJECT_REASON_UNKNOWN_OPERATION: "),
        "{}",
        said(&asked)
    );

    assert!(example.contains(OPTION), "{example}");
    let stock = example.replace(OPTION, "");
    // Twice, since the event is told once and not for each connection.
    for _ in 0..2 {
        let asked = reader.run(&mut python(), "stock.py", &stock);
        let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert!(answer.starts_with("no decision: "), "{}", said(&asked));
    }
    let events = fs::read_to_string(stage.events()).expect("events");
    let told = events.matches("grpc.default_authority").count();
    assert_eq!(told, 1, "{events}");
    assert!(sidecar.terminate().await.expect("an end").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn node_asks_as_it_comes() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let reader = Reader::new(&stage.socket());
    let mut node = Command::new("node");
    node.env("NODE_PATH", format!("{TOP}/ci/node_modules"));
    let asked = reader.run(&mut node, "ask.js", &reader.example("js"));
    assert_eq!(
        String::from_utf8_lossy(&asked.stdout),
        "permit\n",
        "{}",
        said(&asked)
    );
    assert!(asked.status.success(), "{}", asked.status);
    assert!(sidecar.terminate().await.expect("an end").success());
}

/// Go as the guide says, commands and program word for word, gets an answer as it comes. All that it fetches and builds
/// goes away again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches modules: `ci/long languages` runs it"]
async fn go_asks_as_it_comes() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let reader = Reader::new(&stage.socket());
    let go = Go::new();
    let page = guide();
    let (_, section) = page.split_once("\n## Go\n").expect("a section");
    let example = reader.example("go");
    fs::write(reader.folder.path().join("main.go"), &example).expect("written");
    let prepared = reader.run(
        go.command("sh").arg("-ex"),
        "prepare",
        &block(section, "sh"),
    );
    assert!(prepared.status.success(), "{}", said(&prepared));

    let asked = reader.run(go.command("go").arg("run"), "main.go", &example);
    let client = sidecar.client().await.expect("a client");
    let status = client.status(PATIENCE).await.expect("a status");
    assert_eq!(
        String::from_utf8_lossy(&asked.stdout),
        format!("may run: true\nin force: {}\n", status.bundle_digest),
        "{}",
        said(&asked)
    );

    // What the guide says of other targets.
    let target = format!("\"unix:{}\",", stage.socket().display());
    let dialed = format!(
        "\"passthrough:///{0}\", grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {{ return net.Dial(\"unix\", \"{0}\") }}),",
        stage.socket().display()
    );
    assert!(example.contains(&target), "{example}");
    let dialed = example.replace(&target, &dialed);
    let dialed = dialed.replace("\"log\"\n", "\"log\"\n\t\"net\"\n");
    let asked = reader.run(go.command("go").arg("run"), "main.go", &dialed);
    let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(
        answer.starts_with("no decision: ") && answer.ends_with("may run: false\n"),
        "{}",
        said(&asked)
    );
    let mended = dialed.replace(
        "grpc.WithContextDialer(",
        "grpc.WithAuthority(\"localhost\"), grpc.WithContextDialer(",
    );
    let asked = reader.run(go.command("go").arg("run"), "main.go", &mended);
    let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(answer.starts_with("may run: true\n"), "{}", said(&asked));

    let versions = ["list", "-m", "go", "google.golang.org/grpc"];
    let versions = go
        .command("go")
        .args(versions)
        .current_dir(reader.folder.path())
        .output();
    println!("{}", String::from_utf8_lossy(&versions.expect("go").stdout));
    assert!(sidecar.terminate().await.expect("an end").success());
}

/// Go with a home of its own, and protoc beside it, which comes with gRPC for Python.
struct Go {
    home: tempfile::TempDir,
}

impl Go {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        // The guide calls `protoc`, which comes with the Python tools under another name.
        let programs = home.path().join("bin");
        fs::create_dir(&programs).expect("a folder");
        let python = python().get_program().to_string_lossy().into_owned();
        let protoc = programs.join("protoc");
        fs::write(
            &protoc,
            format!("#!/bin/sh\nexec '{python}' -m grpc_tools.protoc \"$@\"\n"),
        )
        .expect("written");
        fs::set_permissions(&protoc, fs::Permissions::from_mode(0o755)).expect("set");
        Self { home }
    }

    fn command(&self, program: &str) -> Command {
        let home = self.home.path();
        let (own, path) = (home.join("bin"), std::env::var_os("PATH"));
        let path: Vec<PathBuf> = std::iter::once(own.clone())
            .chain(path.iter().flat_map(std::env::split_paths))
            .collect();
        let mut command = Command::new(program);
        command
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("GOPATH", home.join("path"))
            .env("GOCACHE", home.join("cache"))
            .env("GOBIN", own)
            // Else what was fetched could not be removed.
            .env("GOFLAGS", "-modcacherw");
        command
    }
}
