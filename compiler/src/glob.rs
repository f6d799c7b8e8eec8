//! Globs over names: `*` for any text, `?` for one character, everything else for itself.

/// A pattern for names of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Makes the pattern `text`; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// Returns whether the whole of `name` fits the pattern. Takes at most as many steps as the product of both
    /// lengths.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // reached[i]: the first i characters of the pattern fit what has been read of the name.
        let mut reached = vec![false; self.0.len().saturating_add(1)];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        self.skip_stars(&mut reached);
        for c in name.chars() {
            let mut next = vec![false; reached.len()];
            for (at, wanted) in self.0.iter().enumerate() {
                if !reached.get(at).is_some_and(|reached| *reached) {
                    continue;
                }
                let to = match wanted {
                    '*' => at,
                    '?' => at.saturating_add(1),
                    wanted if *wanted == c => at.saturating_add(1),
                    _ => continue,
                };
                if let Some(slot) = next.get_mut(to) {
                    *slot = true;
                }
            }
            self.skip_stars(&mut next);
            reached = next;
        }
        reached.last().is_some_and(|reached| *reached)
    }

    /// Marks the place after each reached `*` as reached too, because a `*` may stand for nothing.
    fn skip_stars(&self, reached: &mut [bool]) {
        for (at, wanted) in self.0.iter().enumerate() {
            if *wanted == '*'
                && reached.get(at).is_some_and(|reached| *reached)
                && let Some(after) = reached.get_mut(at.saturating_add(1))
            {
                *after = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_question_marks_for_one_character() {
        for (pattern, name, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("refund*", "refund-small", true),
            ("*small", "refund-small", true),
            ("r*d*l", "refund-small", true),
            ("refund", "refund-small", false),
            ("refund-smal?", "refund-small", true),
            ("refund-small?", "refund-small", false),
            ("*é*", "café au lait", true),
            ("**a", "ba", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(name),
                fits,
                "{pattern} on {name}"
            );
        }
    }

    #[test]
    fn a_pattern_of_many_stars_does_not_explode() {
        let pattern = Glob::new(&"*a".repeat(200));
        assert!(!pattern.matches(&"a".repeat(199)));
    }
}
