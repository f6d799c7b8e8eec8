//! Where the bytes of a scalar's value come from, so that a mistake inside a condition points into the YAML file.

use std::ops::Range;

use super::Span;

/// Maps offsets in a scalar's value to offsets in its file. Without segments only the whole scalar can be named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// (offset in the value, offset in the file), ascending: from there on both run in step.
    segments: Box<[(u32, u32)]>,
}

/// How the scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

impl Origin {
    /// Makes the origin of `value` by comparing it with `source`, the text of the scalar that begins at the offset
    /// `start` of the file. What cannot be followed gets no segments; a wrong place is never given.
    pub(crate) fn new(value: &str, source: &str, start: usize, style: Style) -> Self {
        // The cases differ in what the value lost: nothing, line breaks, quotes or indentation.
        let segments = match style {
            Style::Plain if value == source => vec![(0, start)],
            Style::Plain | Style::Folded => folded(value, source, start),
            Style::Single | Style::Double => quoted(value, source, start, style),
            Style::Literal => literal(value, source, start),
        };
        let narrow = |offset: usize| u32::try_from(offset).ok();
        // Documents are far shorter than 4 GiB; an offset that did not fit would leave no segments.
        let segments: Option<Box<[_]>> = segments
            .into_iter()
            .map(|(value, file)| Some((narrow(value)?, narrow(file)?)))
            .collect();
        Self {
            segments: segments.unwrap_or_default(),
        }
    }

    /// Returns the place in the file of the bytes `range` of the value, or `whole` when the place cannot be told.
    pub(crate) fn place(&self, range: &Range<usize>, whole: Span) -> Span {
        // An offset is as far behind the beginning of its segment in the file as it is in the value.
        let at = |offset: usize| {
            let offset = u32::try_from(offset).ok()?;
            // The last segment that begins at or before the offset.
            let index = self
                .segments
                .partition_point(|(value, _)| *value <= offset)
                .checked_sub(1)?;
            let (value, file) = *self.segments.get(index)?;
            usize::try_from(file.checked_add(offset.checked_sub(value)?)?).ok()
        };
        // The last byte is looked up, not the one behind it, which may be in another segment.
        let last = range.end.saturating_sub(1).max(range.start);
        match (at(range.start), at(last)) {
            (Some(start), Some(last)) if start <= last => {
                let end = if range.is_empty() {
                    last
                } else {
                    last.saturating_add(1)
                };
                // A place behind the scalar could mark a line that has nothing to do with it.
                let end = end.min((whole.end as usize).max(start));
                Span::new(whole.file, start..end)
            }
            _ => whole,
        }
    }
}

/// Returns the lines of `source`, line breaks taken off, with the offset of each in the file. `source` begins at
/// `start`.
fn lines(source: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    source.split_inclusive('\n').scan(start, |offset, line| {
        let at = *offset;
        *offset = offset.saturating_add(line.len());
        Some((at, line.trim_end_matches(['\n', '\r'])))
    })
}

/// Returns the segments of a literal block, one for each line of `value`, which stands in `source` behind its
/// indentation. `source` begins with the first line of the block that is not blank.
fn literal(value: &str, source: &str, start: usize) -> Vec<(usize, usize)> {
    let mut segments = Vec::new();
    // Blank lines at the beginning are in the value, but `source` begins behind them.
    let text = value.trim_start_matches('\n');
    let mut offset = value.len().saturating_sub(text.len());
    let mut from = lines(source, start);
    for line in text.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        match from.next() {
            Some((at, written)) if written.ends_with(text) => {
                let indentation = written.len().saturating_sub(text.len());
                segments.push((offset, at.saturating_add(indentation)));
            }
            // A line that is not found again: no place is better than a wrong one.
            _ => return Vec::new(),
        }
        offset = offset.saturating_add(line.len());
    }
    segments
}

/// Returns the segments of lines that are joined by one space: of plain scalars over several lines, and of folded
/// blocks without blank lines.
fn folded(value: &str, source: &str, start: usize) -> Vec<(usize, usize)> {
    let mut segments = Vec::new();
    let mut rest = value;
    for (at, line) in lines(source, start) {
        // The value ran out, or the line is not the next of it.
        let text = line.trim_matches(' ');
        let indentation = line
            .len()
            .saturating_sub(line.trim_start_matches(' ').len());
        let Some(after) = rest.strip_prefix(text).filter(|_| !text.is_empty()) else {
            break;
        };
        segments.push((
            value.len().saturating_sub(rest.len()),
            at.saturating_add(indentation),
        ));
        // Between two lines the value has a space; at its end it may have a line break.
        rest = after.strip_prefix([' ', '\n']).unwrap_or(after);
    }
    if rest.is_empty() {
        segments
    } else {
        Vec::new()
    }
}

/// Returns the segments of a quoted scalar. A segment begins behind every escape, because value and file run in step
/// between escapes. Returns none for a scalar of several lines, or with an escape other than of a quote, `\` or `/`.
fn quoted(value: &str, source: &str, start: usize, style: Style) -> Vec<(usize, usize)> {
    if source.contains('\n') {
        return Vec::new();
    }
    let quote = if style == Style::Single { '\'' } else { '"' };
    let Some(inner) = source
        .strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote))
    else {
        return Vec::new();
    };
    // Behind the quote.
    let start = start.saturating_add(1);
    let mut segments = vec![(0, start)];
    let (mut made, mut at) = (0_usize, 0_usize);
    while let Some(rest) = inner.get(at..).filter(|rest| !rest.is_empty()) {
        let written = match (style, rest.as_bytes()) {
            (Style::Single, [b'\'', b'\'', ..])
            | (Style::Double, [b'\\', b'"' | b'\\' | b'/', ..]) => 2,
            // Escapes whose value has another length are rare in conditions; the whole scalar is a fine place.
            (Style::Double, [b'\\', ..]) => return Vec::new(),
            _ => 1,
            // An escape is two bytes in the file and one in the value.
        };
        let width = if written == 2 {
            1
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at = at.saturating_add(if written == 2 { 2 } else { width });
        made = made.saturating_add(width);
        if written == 2 {
            segments.push((made, start.saturating_add(at)));
        }
    }
    if made == value.len() {
        segments
    } else {
        Vec::new()
    }
}
