//! The exit codes of `stopgate`, one meaning each. No other module knows a number.

use std::process::ExitCode;

/// How a run of `stopgate` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Everything asked for was done and is fine.
    Fine,
    /// The tool itself failed: a disk, a process, another machine.
    Failed,
    /// The command was not used as its help says.
    Usage,
    /// The policy is invalid.
    Invalid,
    /// A policy test failed.
    TestFailed,
    /// The change needs a review.
    ReviewNeeded,
    /// Something could not be decided, so nothing is promised.
    Undecided,
    /// What is stored is not what was reviewed.
    Differs,
    /// A signature or the trust in it failed.
    Untrusted,
}

impl Exit {
    /// Every way to end, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Fine,
        Self::Failed,
        Self::Usage,
        Self::Invalid,
        Self::TestFailed,
        Self::ReviewNeeded,
        Self::Undecided,
        Self::Differs,
        Self::Untrusted,
    ];

    /// Returns the number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::TestFailed => 4,
            Self::ReviewNeeded => 5,
            Self::Undecided => 6,
            Self::Differs => 7,
            Self::Untrusted => 8,
        }
    }

    /// Returns what the number means, for the help and the reference.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Failed => "the tool failed",
            Self::Usage => "usage",
            Self::Invalid => "the policy is invalid",
            Self::TestFailed => "a policy test failed",
            Self::ReviewNeeded => "review needed",
            Self::Undecided => "undecided",
            Self::Differs => "what is stored differs from what was reviewed",
            Self::Untrusted => "signature or trust failure",
        }
    }

    /// Returns the one that is reported when both apply. A run that failed or was used wrongly reports only that; then
    /// the order is 8, 3, 6, 5, 7, 4.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.rank() <= other.rank() {
            self
        } else {
            other
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Usage => 0,
            Self::Failed => 1,
            Self::Untrusted => 2,
            Self::Invalid => 3,
            Self::Undecided => 4,
            Self::ReviewNeeded => 5,
            Self::Differs => 6,
            Self::TestFailed => 7,
            Self::Fine => 8,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_their_places_in_the_list() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, (0..9).collect::<Vec<u8>>());
    }

    #[test]
    fn several_at_once_report_the_first_of_8_3_6_5_7_4() {
        let order = [8, 3, 6, 5, 7, 4, 0];
        for (at, first) in order.iter().enumerate() {
            for second in &order[at..] {
                let exit = |code: &u8| Exit::ALL[usize::from(*code)];
                assert_eq!(exit(first).and(exit(second)).code(), *first);
                assert_eq!(exit(second).and(exit(first)).code(), *first);
            }
        }
    }
}
