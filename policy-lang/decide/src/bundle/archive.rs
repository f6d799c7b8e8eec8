//! The file: an uncompressed POSIX tar with one spelling. Name and size of a part determine its header, so each header
//! that is read is compared with the one that would be written, and no byte of the file can differ from what the parts
//! alone determine.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

/// Parts by name, in the order of the file.
pub(super) type Parts = Vec<(String, Vec<u8>)>;

/// Most parts of one bundle. Reading the headers stops there, so an archive of nothing but headers cannot be read for
/// ever.
pub(super) const MAX_PARTS: usize = 50_000;

/// Headers and contents begin at multiples of this, the block size of POSIX tar.
const BLOCK: usize = 512;

/// What stands after the last part: two empty blocks, which end an archive in POSIX tar.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Bytes that are read at a time of what is not kept.
const CHUNK: usize = 64 * 1024;

/// Why a file is not read on.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// What the system said.
    Io(io::Error),
    /// It is not what [`pack`] writes.
    NotPacked,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        // Of a file that grows shorter meanwhile.
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::NotPacked
        } else {
            Self::Io(error)
        }
    }
}

/// Makes the block before a part: all times zero, mode 0644, no owner. Fails for a name that tar does not hold as it is
/// written.
fn header(name: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    // tar cleans paths while it stores them.
    header.set_path(name)?;
    // `a//b` is written as another name is.
    if header.path_bytes() != name.as_bytes() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Returns how many zero bytes stand between the end of a part of `size` bytes and the next block.
const fn padding(size: u64) -> u64 {
    (BLOCK as u64).wrapping_sub(size) % BLOCK as u64
}

/// Writes `parts` in the order given, then the two empty blocks that end an archive.
pub(super) fn pack(parts: &[(String, Vec<u8>)], into: &mut impl Write) -> io::Result<()> {
    for (name, bytes) in parts {
        let size = bytes.len() as u64;
        into.write_all(header(name, size)?.as_bytes())?;
        into.write_all(bytes)?;
        io::copy(&mut io::repeat(0).take(padding(size)), into)?;
    }
    into.write_all(&END)
}

/// A file that is read from its beginning to its end, part by part.
#[derive(Debug)]
pub(super) struct Archive<R> {
    source: R,
    length: u64,
    at: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Begins to read `source`, which has `length` bytes, at its first byte.
    pub(super) fn new(mut source: R, length: u64) -> io::Result<Self> {
        source.seek(SeekFrom::Start(0))?;
        Ok(Self {
            source,
            length,
            at: 0,
        })
    }

    /// Returns how many bytes are left to read.
    const fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    /// Reads the header of the part that begins here and returns its name and its size in bytes. Its content follows.
    pub(super) fn header(&mut self) -> Result<(String, u64), Unreadable> {
        let mut read = tar::Header::new_old();
        // Only 512 bytes to read into: of which form they are does not matter, since they are compared as a whole.
        self.exactly(read.as_mut_bytes())?;
        // Extensions of the format are not followed, above all sparse files, which stand for bytes that are not there.
        let size = read.entry_size().map_err(|_| Unreadable::NotPacked)?;
        let name = String::from_utf8(read.path_bytes().into_owned());
        let name = name.map_err(|_| Unreadable::NotPacked)?;
        // The header is made again from name and size. Whatever else it said (mode, owner, time, link, type) cannot
        // differ then.
        let written = header(&name, size).map_err(|_| Unreadable::NotPacked)?;
        // A size beyond the file is refused here, before anybody allocates it.
        if written.as_bytes() != read.as_bytes() || size > self.left() {
            return Err(Unreadable::NotPacked);
        }
        Ok((name, size))
    }

    /// Reads the header of the part that begins here and returns whether it has this name and this size.
    pub(super) fn is(&mut self, name: &str, size: u64) -> Result<bool, Unreadable> {
        let expected = header(name, size).map_err(|_| Unreadable::NotPacked)?;
        let mut read = [0; BLOCK];
        self.exactly(&mut read)?;
        Ok(expected.as_bytes() == &read && size <= self.left())
    }

    /// Reads the content of a part of `size` bytes and the padding behind it. The header of the part was read before.
    pub(super) fn content(&mut self, size: u64) -> Result<Vec<u8>, Unreadable> {
        if size > self.left() {
            return Err(Unreadable::NotPacked);
        }
        let mut content = vec![0; usize::try_from(size).map_err(|_| Unreadable::NotPacked)?];
        self.exactly(&mut content)?;
        self.zeros(padding(size))?;
        Ok(content)
    }

    /// Reads the content of a part of `size` bytes as [`Self::content`] does, but hands it to `chunk` piece by piece
    /// and keeps nothing of it.
    pub(super) fn pass(
        &mut self,
        size: u64,
        mut chunk: impl FnMut(&[u8]),
    ) -> Result<(), Unreadable> {
        let longest = usize::try_from(size).map_or(CHUNK, |size| size.min(CHUNK));
        let mut buffer = vec![0; longest];
        let mut left = size;
        while left > 0 {
            let now = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let part = buffer.get_mut(..now).unwrap_or_default();
            self.exactly(part)?;
            chunk(part);
            left = left.saturating_sub(now as u64);
        }
        self.zeros(padding(size))
    }

    /// Skips the content of a part of `size` bytes, and the padding behind it, without reading it.
    pub(super) fn skip(&mut self, size: u64) -> Result<(), Unreadable> {
        let to = self
            .at
            .checked_add(size)
            // Seeking beyond the end of a file is no error in most systems, so the end is compared here.
            .and_then(|to| to.checked_add(padding(size)));
        let to = to.filter(|to| *to <= self.length);
        self.at = to.ok_or(Unreadable::NotPacked)?;
        self.source.seek(SeekFrom::Start(self.at))?;
        Ok(())
    }

    /// Checks that the two blocks that end an archive are here, and that nothing comes after them.
    pub(super) fn ends(&mut self) -> Result<(), Unreadable> {
        self.zeros(END.len() as u64)?;
        if self.left() == 0 {
            Ok(())
        } else {
            Err(Unreadable::NotPacked)
        }
    }

    /// Returns the position in the file, in bytes, of the next header to be read.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Makes a buffered reader of the same archive from the byte `at` on, where a header begins. It is meant to be read
    /// to the end without skipping.
    pub(super) fn from(mut self, at: u64) -> Result<Archive<BufReader<R>>, Unreadable> {
        // Behind the buffer the position of `source` is no longer `at`: that is why this reader must not skip.
        self.source.seek(SeekFrom::Start(at))?;
        Ok(Archive {
            source: BufReader::with_capacity(CHUNK, self.source),
            length: self.length,
            at,
        })
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), Unreadable> {
        if bytes.len() as u64 > self.left() {
            return Err(Unreadable::NotPacked);
        }
        self.source.read_exact(bytes)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Reads `count` bytes, at most two blocks, and checks that all of them are zero.
    fn zeros(&mut self, count: u64) -> Result<(), Unreadable> {
        // Filled with ones, so that bytes that were not read cannot pass as zeros.
        let mut read = [1; END.len()];
        let count = usize::try_from(count).map_err(|_| Unreadable::NotPacked)?;
        let read = read.get_mut(..count).ok_or(Unreadable::NotPacked)?;
        self.exactly(read)?;
        if read.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(Unreadable::NotPacked)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(parts, &mut bytes).expect("packed");
        bytes
    }

    fn unpacked(bytes: &[u8]) -> Option<Parts> {
        let length = bytes.len() as u64;
        let mut archive = Archive::new(Cursor::new(bytes), length).expect("a beginning");
        let mut parts = Parts::new();
        while archive.left() > END.len() as u64 {
            let (name, size) = archive.header().ok()?;
            parts.push((name, archive.content(size).ok()?));
        }
        archive.ends().ok()?;
        Some(parts)
    }

    fn parts() -> Parts {
        vec![
            ("a".to_owned(), vec![1; 700]),
            ("b/c".to_owned(), Vec::new()),
            ("d".repeat(120) + "/" + &"e".repeat(80), vec![2; 512]),
        ]
    }

    #[test]
    fn what_was_packed_is_unpacked_and_nothing_else() {
        let bytes = packed(&parts());
        assert_eq!(unpacked(&bytes), Some(parts()));
        assert_eq!(unpacked(&[&bytes[..], &[0; 512]].concat()), None);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            // Only a part's own bytes may differ; the manifest's digests answer for those.
            assert!(
                unpacked(&other).is_none_or(|parts| packed(&parts) == other),
                "byte {at}"
            );
            assert_eq!(unpacked(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn what_the_writer_of_the_format_writes_is_what_this_writes() {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in parts() {
            let header = header(&name, bytes.len() as u64).expect("a header");
            builder.append(&header, bytes.as_slice()).expect("written");
        }
        assert_eq!(builder.into_inner().expect("written"), packed(&parts()));
    }

    #[test]
    fn parts_can_be_passed_and_skipped() {
        let bytes = packed(&parts());
        let mut archive = Archive::new(Cursor::new(&bytes), bytes.len() as u64).expect("begun");
        assert!(matches!(archive.is("a", 700), Ok(true)));
        let mut seen = Vec::new();
        let passed = archive.pass(700, |chunk| seen.extend_from_slice(chunk));
        assert!(passed.is_ok() && seen == [1; 700]);
        let place = archive.at();
        assert!(matches!(archive.is("b", 0), Ok(false)));
        let mut archive = archive.from(place).expect("a place");
        assert!(matches!(archive.is("b/c", 0), Ok(true)));
        archive.skip(0).expect("skipped");
        let (_, size) = archive.header().expect("a header");
        archive.skip(size).expect("skipped");
        archive.ends().expect("the end");
        assert!(archive.skip(1).is_err());
    }

    /// Checks that a sparse member is refused. It stands for zeros that are not in the file: half a megabyte of them
    /// would become gigabytes.
    #[test]
    fn a_sparse_member_is_refused_before_it_grows() {
        let mut header = tar::Header::new_gnu();
        header.set_path("bomb").expect("a path");
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(0);
        let gnu = header.as_gnu_mut().expect("a GNU header");
        gnu.set_real_size(1 << 40);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend([0; 1024]);
        assert_eq!(unpacked(&bytes), None);
    }

    #[test]
    fn a_size_beyond_the_file_is_refused() {
        let header = header("long", 1 << 30).expect("a header");
        let bytes = [header.as_bytes().as_slice(), &END].concat();
        assert_eq!(unpacked(&bytes), None);
        let mut archive = Archive::new(Cursor::new(&bytes), bytes.len() as u64).expect("begun");
        assert!(matches!(archive.is("long", 1 << 30), Ok(false)));
        assert!(archive.content(1 << 40).is_err());
    }
}
