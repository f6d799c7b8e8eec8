//! What a walk is told of what it meets, whoever walks.

use super::*;

fn met(entries: &[(&str, &[u8], Kind)]) -> Survey<()> {
    let mut survey = Survey::default();
    for (folder, name, kind) in entries {
        survey.meet(folder, name, *kind, ());
    }
    survey
}

fn problems(survey: Survey<()>) -> Vec<Problem> {
    match survey.paths() {
        Err(WorkspaceError::Refused { problems }) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_no_file_can_have_and_names_that_stand_twice_are_problems() {
    let file = Kind::File;
    for name in [&b"a/b.yaml"[..], b"\xff.yaml", b"", b"a\0.yaml"] {
        let found = problems(met(&[("rules", name, file)]));
        assert!(matches!(found.as_slice(), [Problem::Name(_)]), "{name:?}");
    }
    let twice = |kinds: [Kind; 2]| {
        let [one, other] = kinds;
        problems(met(&[("", b"rules.yaml", one), ("", b"rules.yaml", other)]))
    };
    for kinds in [
        [file; 2],
        [Kind::Folder; 2],
        [Kind::Link; 2],
        [file, Kind::Folder],
        [Kind::Link, file],
    ] {
        assert_eq!(twice(kinds), [Problem::Twice("rules.yaml".to_owned())]);
    }
}

#[test]
fn what_git_or_another_tool_keeps_is_passed_over_whatever_it_is() {
    for kind in [
        Kind::Folder,
        Kind::File,
        Kind::Link,
        Kind::Submodule,
        Kind::Special,
    ] {
        let survey = met(&[
            ("", b".git", kind),
            ("rules", b".x.yaml", kind),
            ("trust", b"x.yaml", kind),
        ]);
        assert_eq!(survey.paths().expect("sound"), Vec::<String>::new());
    }
}

#[test]
fn t4_a_walk_ends_where_there_is_more_than_a_repository_may_have() {
    let mut survey = Survey::default();
    let mut shown = 0;
    while !survey.is_full() {
        survey.meet("", format!("{shown}.txt").as_bytes(), Kind::File, ());
        shown += 1;
    }
    assert_eq!(shown, MAX_ENTRIES + 1);
    assert_eq!(problems(survey), [Problem::Many]);
    let mut survey = Survey::default();
    for at in 0..=MAX_FILES {
        survey.meet("rules", format!("{at}.yaml").as_bytes(), Kind::File, ());
    }
    assert!(survey.is_full());
    assert_eq!(problems(survey), [Problem::Many]);
}

#[test]
fn t4_folders_are_entered_so_deep_and_no_deeper() {
    let mut survey = Survey::default();
    let mut folder = String::new();
    for depth in 1..=MAX_DEPTH {
        folder = survey
            .meet(&folder, b"d", Kind::Folder, ())
            .unwrap_or_else(|| panic!("{depth}"));
    }
    assert_eq!(survey.meet(&folder, b"d", Kind::Folder, ()), None);
    assert!(matches!(problems(survey).as_slice(), [Problem::Deep(_)]));
}

#[test]
fn t4_no_more_bytes_are_asked_for_than_there_may_be() {
    let mut survey = Survey::default();
    for at in 0..1_000 {
        survey.meet("rules", format!("{at:04}.yaml").as_bytes(), Kind::File, ());
    }
    let mut asked = 0_usize;
    let read = survey.read::<WorkspaceError>(|_, ()| {
        asked += 1;
        Ok(Content::Bytes(vec![b'#'; 1 << 20]))
    });
    assert!(matches!(read, Err(WorkspaceError::Refused { .. })));
    assert_eq!(asked, (MAX_TOTAL >> 20) + 1);
}
