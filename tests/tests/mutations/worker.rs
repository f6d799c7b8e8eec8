//! One process that makes its share of the mutations and says, before each, which one it is.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use stopgate_tests::random::Random;
use stopgate_tests::scale;

use crate::bundles::Bundles;
use crate::corpus::Corpus;
use crate::inputs::Inputs;
use crate::repositories;

/// Which mutations: `N` or `N..M`.
const SHARE: &str = "STOPGATE_MUTATION";
/// Where a worker says where it is.
const PROGRESS: &str = "STOPGATE_MUTATION_PROGRESS";
/// The test that a worker is.
const TEST: &str = "i10_t4_no_mutation_panics_aborts_or_hangs";
/// What a worker's summary begins with, among what the test harness prints.
const SUMMARY: &str = "mutations ";

/// A running worker.
pub(crate) struct Worker {
    child: Child,
    folder: tempfile::TempDir,
    ended: Option<ExitStatus>,
}

impl Worker {
    pub(crate) fn start(share: Range<u64>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let output = |name| File::create(folder.path().join(name)).expect("a file");
        let child = Command::new(std::env::current_exe().expect("this program"))
            // This test again, in a process of its own: an abort or an overflow of the stack ends only the worker.
            .args(["--exact", TEST, "--nocapture"])
            .env(SHARE, format!("{}..{}", share.start, share.end))
            .env(PROGRESS, folder.path().join("progress"))
            .stdin(Stdio::null())
            .stdout(output("out"))
            .stderr(output("err"))
            .spawn()
            .expect("a worker");
        Self {
            child,
            folder,
            ended: None,
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.ended = self.child.try_wait().expect("a child");
        self.ended.is_none()
    }

    pub(crate) fn succeeded(&mut self) -> bool {
        !self.is_running() && self.ended.is_some_and(|status| status.success())
    }

    pub(crate) fn kill(&mut self) {
        // Gone already is as good.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }

    /// The mutation it is at; `None` before the first.
    pub(crate) fn at(&self) -> Option<u64> {
        // The last number that was written is the mutation that did it.
        self.read("progress").trim().parse().ok()
    }

    /// Everything it printed.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.read("out"), self.read("err"))
    }

    /// What it has to say at the end.
    pub(crate) fn summary(&self) -> String {
        let out = self.read("out");
        let lines = out.lines().filter_map(|line| {
            let (_, after) = line.split_once(SUMMARY)?;
            Some(format!("{SUMMARY}{after}\n"))
        });
        lines.collect()
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.is_running() {
            self.kill();
        }
    }
}

/// What this process has to do, if it is a worker.
pub(crate) struct Share {
    range: Range<u64>,
    progress: Option<File>,
}

/// What came of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It was taken for good.
    Accepted,
    /// It was refused.
    Refused,
}

impl Share {
    pub(crate) fn given() -> Option<Self> {
        let text = std::env::var(SHARE).ok()?;
        let number = |text: &str| text.parse::<u64>().expect("N or N..M");
        let range = match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => number(&text)..number(&text) + 1,
        };
        let progress = std::env::var_os(PROGRESS);
        let progress = progress.map(|path| File::create(path).expect("a file"));
        Some(Self { range, progress })
    }

    pub(crate) fn work(self) {
        let seed = scale::seed().expect("a number");
        let corpus = Corpus::new();
        let (bundles, inputs) = (Bundles::new(&corpus), Inputs::new(&corpus));
        let mut slowest = (Duration::ZERO, 0);
        let mut counts = [[0_u64; 2]; 3];
        for number in self.range.clone() {
            if let Some(progress) = &self.progress {
                // Before the mutation is made and straight into the file, so that the number is there when the
                // process dies.
                let text = format!("{number:>20}\n");
                progress.write_all_at(text.as_bytes(), 0).expect("a disk");
            }
            // A seed for each number, so that one is made again without those before it.
            let mut random = Random::new(seed.wrapping_add(number.wrapping_mul(0x1_0000_0001)));
            let start = Instant::now();
            let (kind, came) = match random.below(4) {
                0 => (0, bundles.mutate(&mut random)),
                1 => (1, inputs.mutate(&mut random)),
                _ => (2, repositories::mutate(&corpus, &mut random)),
            };
            counts[kind][usize::from(came == Came::Refused)] += 1;
            slowest = slowest.max((start.elapsed(), number));
        }
        let (took, number) = slowest;
        let [bundles, inputs, repositories] = counts;
        println!(
            "{SUMMARY}{:?}: accepted and refused: {repositories:?} repositories, {bundles:?} bundles, {inputs:?} inputs; \
             the slowest is {number} with {took:?}",
            self.range
        );
        // Mutations that are all refused at the door, or none, would test nothing.
        let worth = |[accepted, refused]: [u64; 2]| accepted > 0 && refused > 0;
        // A few of them, such as one that is made again, say nothing of the mix.
        let enough = self.range.end - self.range.start >= 1_000;
        assert!(!enough || [repositories, bundles, inputs].into_iter().all(worth));
    }
}
