//! Which file is which document, by its path alone.
//!
//! A policy file in the wrong place would be read by nobody, and a never in it would forbid nothing: so whatever looks
//! like policy has to stand where documents stand.

use stopgate_decide::name::{ReviewId, ToolName, WaiverId};

use crate::diagnostic::names::nearest;

/// What a path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    Workspace,
    Profiles,
    Approvals,
    Catalog(ToolName),
    Lock(ToolName),
    Rules(ToolName),
    CedarRules(ToolName),
    Tests(ToolName),
    Waiver(WaiverId),
    Review(ReviewId),
    /// Not policy: documentation, keys, dot files.
    Other,
    /// Looks like policy and stands where nobody reads it; with what to do about it.
    Misplaced(String),
}

const DIRECTORIES: [&str; 5] = ["catalog", "rules", "tests", WAIVERS, REVIEWS];
const WAIVERS: &str = "waivers";
const REVIEWS: &str = "reviews";
const ROOT: [&str; 3] = ["stopgate.yaml", "profiles.yaml", "approvals.yaml"];

/// The endings of documents in each directory.
const ENDINGS: [(&str, &str); 7] = [
    ("catalog", ".yaml"),
    ("catalog", ".lock.json"),
    ("rules", ".yaml"),
    ("rules", ".cedar"),
    ("tests", ".yaml"),
    (WAIVERS, ".yaml"),
    (REVIEWS, ".yaml"),
];

impl FileKind {
    pub(crate) fn from_path(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        // Hidden files and trust/ are read by others, or by nobody.
        if parts.iter().any(|part| part.starts_with('.')) || parts.first() == Some(&"trust") {
            return Self::Other;
        }
        match parts.as_slice() {
            ["stopgate.yaml"] => Self::Workspace,
            ["profiles.yaml"] => Self::Profiles,
            ["approvals.yaml"] => Self::Approvals,
            [directory, file] => Self::in_directory(directory, file),
            _ => Self::elsewhere(path, &parts),
        }
    }

    fn in_directory(directory: &str, file: &str) -> Self {
        // The longest ending does not matter: no ending is the end of another in one directory.
        let ending = ENDINGS
            .iter()
            .find(|(home, ending)| *home == directory && file.ends_with(ending));
        let Some((_, ending)) = ending else {
            return Self::elsewhere(file, &[directory, file]);
        };
        let stem = file.strip_suffix(ending).unwrap_or_default();
        let misnamed = |_| {
            Self::Misplaced(format!(
                "name it after its id: {directory}/ID{ending}, made of letters, digits, `_`, `.` and `-`"
            ))
        };
        match directory {
            WAIVERS => return WaiverId::new(stem).map_or_else(misnamed, Self::Waiver),
            REVIEWS => return ReviewId::new(stem).map_or_else(misnamed, Self::Review),
            _ => {}
        }
        let Ok(stem) = ToolName::new(stem) else {
            return Self::Misplaced(format!(
                "name it after its tool: {directory}/TOOL{ending}, in small letters"
            ));
        };
        match (directory, *ending) {
            ("catalog", ".yaml") => Self::Catalog(stem),
            ("catalog", _) => Self::Lock(stem),
            ("rules", ".yaml") => Self::Rules(stem),
            ("rules", _) => Self::CedarRules(stem),
            _ => Self::Tests(stem),
        }
    }

    fn elsewhere(path: &str, parts: &[&str]) -> Self {
        let lower = path.to_ascii_lowercase();
        // Something that looks like policy and would not be read is told: silently ignoring it would drop rules.
        let looks = [".yaml", ".yml", ".cedar"]
            .iter()
            .any(|ending| lower.ends_with(ending))
            || (parts.first() == Some(&"catalog") && lower.ends_with(".json"));
        if !looks {
            return Self::Other;
        }
        let general = "documents are stopgate.yaml, profiles.yaml, approvals.yaml, catalog/TOOL.yaml with \
                       catalog/TOOL.lock.json, rules/TOOL.yaml, rules/NAME.cedar, tests/TOOL.yaml, waivers/ID.yaml and \
                       reviews/ID.yaml";
        Self::Misplaced(match parts {
            [file] => nearest(&file.to_ascii_lowercase().replace(".yml", ".yaml"), ROOT)
                .map_or_else(
                    || general.to_owned(),
                    |near| format!("did you mean {near}? {general}"),
                ),
            [directory, _] if DIRECTORIES.contains(directory) => {
                let endings = ENDINGS
                    .iter()
                    .filter(|(home, _)| home == directory)
                    .map(|(_, ending)| *ending);
                format!(
                    "documents of {directory}/ end with {}",
                    endings.collect::<Vec<_>>().join(" or ")
                )
            }
            [directory, ..] => nearest(&directory.to_ascii_lowercase(), DIRECTORIES).map_or_else(
                || general.to_owned(),
                |near| format!("did you mean {near}/? {general}"),
            ),
            [] => general.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_policy_is_read_or_refused() {
        let erp = || ToolName::new("erp").expect("a name");
        for (path, kind) in [
            ("stopgate.yaml", FileKind::Workspace),
            ("catalog/erp.yaml", FileKind::Catalog(erp())),
            ("catalog/erp.lock.json", FileKind::Lock(erp())),
            ("rules/erp.yaml", FileKind::Rules(erp())),
            ("rules/erp.cedar", FileKind::CedarRules(erp())),
            ("tests/erp.yaml", FileKind::Tests(erp())),
            (
                "waivers/2026-014.yaml",
                FileKind::Waiver(WaiverId::new("2026-014").expect("an id")),
            ),
            (
                "reviews/2027-Q1.yaml",
                FileKind::Review(ReviewId::new("2027-Q1").expect("an id")),
            ),
            ("waivers/2026-014.0123456789abcdef.sig", FileKind::Other),
            ("README.md", FileKind::Other),
            ("rules/README.md", FileKind::Other),
            (".github/workflows/ci.yaml", FileKind::Other),
            ("trust/root.dsse.json", FileKind::Other),
        ] {
            assert_eq!(FileKind::from_path(path), kind, "{path}");
        }
        for path in [
            "rules/erp.yml",
            "rule/erp.yaml",
            "Rules/erp.yaml",
            "rules/old/erp.yaml",
            "erp.cedar",
            "stopgate.yml",
            "rules/ERP.yaml",
            "catalog/erp.json",
            "policies/stopgate.yaml",
            "rules/erp.YAML",
            "waivers/1.yml",
            "waivers/old/1.yaml",
            "waivers/a b.yaml",
            "waiver/1.yaml",
            "reviews/1.cedar",
        ] {
            let kind = FileKind::from_path(path);
            assert!(matches!(kind, FileKind::Misplaced(_)), "{path}: {kind:?}");
        }
    }
}
