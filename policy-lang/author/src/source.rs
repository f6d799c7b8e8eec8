//! Source text and places in it.
//!
//! A [`SourceMap`] owns the text of every file of a repository; a [`Span`] is a range of bytes in one of them. Paths
//! are names relative to the repository, with `/`: nothing here reads a disk.

pub(crate) mod node;
pub(crate) mod origin;
pub(crate) mod plain;
pub(crate) mod scan;
pub(crate) mod yaml;

use std::ops::Range;
use std::sync::Arc;

use stopgate_decide::name::Location;

/// Longest document, in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Deepest nesting of any document: mappings, lists and brackets inside each other.
pub(crate) const MAX_DEPTH: usize = 32;

/// Why what stands at a path was not read. Readers say it, and [`mod@crate::compile`] makes a mistake of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unread {
    /// A symbolic link.
    Link,
    /// A submodule, or another repository inside this one.
    Submodule,
    /// A pointer to text that git-lfs keeps elsewhere.
    LfsPointer,
    /// An entry of a revision with a mode that files do not have.
    Mode(u32),
    /// A file of so many bytes, which are more than a document may have.
    Long(u64),
}

/// One file of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one file. Only the map that made its [`FileId`] can resolve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Makes the span of the bytes `range` of `file`. Offsets beyond 4 GiB saturate; files that long are refused
    /// earlier.
    #[must_use]
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            file,
            start: clamp(range.start),
            end: clamp(range.end.max(range.start)),
        }
    }

    /// Makes the empty span at the beginning of `file`, for what concerns the file as a whole.
    #[must_use]
    pub const fn beginning(file: FileId) -> Self {
        Self {
            file,
            start: 0,
            end: 0,
        }
    }

    /// Returns the bytes of the span as a range of offsets in the file.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the smallest span that holds both `self` and `other`, which are in one file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Makes a spanned value of `value`, which was written at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// One file of the repository.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
    /// Offset of the first byte of every line.
    lines: Vec<usize>,
}

impl SourceFile {
    /// Returns the file's path, relative to the repository and written with `/`.
    #[must_use]
    pub const fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// Returns the text as it can be shown: invisible characters, and bytes that are not UTF-8, are replaced. A file
    /// that holds any of those is refused elsewhere; in all other files every offset in the text is an offset in the
    /// file.
    #[must_use]
    pub const fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns line and column of the byte at `offset`, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        let line = self.line_of(offset);
        let start = self.line_range(line).start;
        let before = self
            .text
            .get(start..offset)
            .map_or(0, |text| text.chars().count());
        let count = |at: usize| u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX);
        (count(line), count(before))
    }

    /// Returns the offset where the line that holds the byte at `offset` begins, and the line without its line break.
    #[must_use]
    pub fn line_at(&self, offset: usize) -> (usize, &str) {
        let range = self.line_range(self.line_of(offset));
        let line = self.text.get(range.clone()).unwrap_or_default();
        (range.start, line.trim_end_matches('\n'))
    }

    /// Returns the number of the line that holds the byte at `offset`, counted from 0.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        // The last line that begins at or before the offset; the first one begins at 0, so there is always one.
        self.lines
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// Returns the bytes of the line with the number `line`, counted from 0, its line break included; the range is
    /// empty behind the last line.
    pub(crate) fn line_range(&self, line: usize) -> Range<usize> {
        let end = self.text.len();
        let at = |line: usize| self.lines.get(line).copied().unwrap_or(end);
        at(line)..at(line.saturating_add(1))
    }
}

/// Every file of a repository, by [`FileId`].
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and returns its id. What cannot be shown, in `path` and in `bytes`, is replaced, because this text
    /// is for people.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = scan::visible(&String::from_utf8_lossy(bytes)).into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at.saturating_add(1)))
            .collect();
        self.files.push(SourceFile {
            path: scan::visible(path).into(),
            text,
            lines,
        });
        id
    }

    /// Returns the file `id`; `None` for an id of another map.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// Returns every file, in the order in which the files were added.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// Returns file and line of the first byte of `span`, for people.
    #[must_use]
    pub fn location(&self, span: Span) -> Location {
        match self.file(span.file) {
            Some(file) => Location {
                file: file.path.clone(),
                line: file.line_column(span.start as usize).0,
            },
            None => Location {
                file: "?".into(),
                line: 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_from_one_and_in_characters() {
        let mut map = SourceMap::default();
        let id = map.add("a.yaml", "ä: 1\nb: é x\n".as_bytes());
        let file = map.file(id).expect("the file just added");
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(3), (1, 3));
        assert_eq!(file.line_column(6), (2, 1));
        assert_eq!(file.line_column(12), (2, 6));
        assert_eq!(file.line_at(9), (6, "b: é x"));
        assert_eq!(map.location(Span::new(id, 6..7)).to_string(), "a.yaml:2");
    }
}
