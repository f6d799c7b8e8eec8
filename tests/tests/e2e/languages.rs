//! Stock gRPC clients of other languages, with the examples of the guide word for word, on the socket of a real sidecar.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stopgate_tests::sidecar::Sidecar;
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
        symlink(format!("{TOP}/proto"), folder.path().join("proto")).expect("the interface");
        Self {
            folder,
            socket: socket.to_owned(),
        }
    }

    /// The guide's example in `language`, as a file.
    fn example(&self, language: &str) -> String {
        let page = fs::read_to_string(format!("{TOP}/docs/guide/call-the-sidecar.md"));
        let page = page.expect("the guide");
        let (_, example) = page
            .split_once(&format!("\n```{language}\n"))
            .expect("an example");
        let (example, _) = example.split_once("\n```").expect("its end");
        assert!(example.contains(SOCKET), "{example}");
        example.replace(SOCKET, &self.socket.display().to_string())
    }

    /// Runs `program` on `text`, and gives what it says.
    fn run(&self, program: &mut Command, file: &str, text: &str) -> Output {
        fs::write(self.folder.path().join(file), text).expect("written");
        let command = program.arg(file).current_dir(self.folder.path());
        command
            .output()
            .expect("the program, which ci/setup installs")
    }
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

    assert!(example.contains(OPTION), "{example}");
    let stock = example.replace(OPTION, "");
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
