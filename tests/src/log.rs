//! The decision log as an auditor reads it: every file in order, every link checked.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use stopgate_decide::record::{Chain, DecisionRecord, Record, RecordBody, first_seq_of};

/// Every record of the log in `folder`.
///
/// # Errors
/// The chain is broken, or a file cannot be read or is none of the log's.
pub fn records(folder: &Path) -> anyhow::Result<Vec<Record>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A file that is none of the log's would be one that nobody verified.
        let first = first_seq_of(&name).with_context(|| format!("{name} is no file of the log"))?;
        files.push((first, entry.path()));
    }
    // Names have as many digits as there are, so their order is that of the records.
    files.sort();
    let mut chain = Chain::new();
    let mut records = Vec::new();
    for (first, path) in files {
        chain.file(first)?;
        for line in fs::read(&path)?.split_inclusive(|byte| *byte == b'\n') {
            records.push(chain.line(line)?);
        }
    }
    Ok(records)
}

/// The decisions among `records`.
pub fn decisions(records: &[Record]) -> impl Iterator<Item = &DecisionRecord> {
    records.iter().filter_map(|record| match &record.body {
        RecordBody::Decision(decision) => Some(&**decision),
        RecordBody::Start(_)
        | RecordBody::Bundle(_)
        | RecordBody::Gap(_)
        | RecordBody::Stop(_)
        | RecordBody::Stops(_)
        | RecordBody::Root(_) => None,
    })
}
