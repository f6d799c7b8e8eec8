//! Spoilt documents of a repository.

use stopgate_author::compile::{Sources, compile};
use stopgate_decide::bundle::Bundle;
use stopgate_tests::random::Random;

use crate::corpus::Corpus;
use crate::spoil::spoil;
use crate::worker::Came;

/// One repository with one or a few of its documents spoilt, through everything that `check` and `build` do.
pub(crate) fn mutate(corpus: &Corpus, random: &mut Random) -> Came {
    // Half of them good before: in what is broken already, much is not looked at any more.
    let (good, all) = (corpus.good(), corpus.repositories.as_slice());
    let from = if random.one_in(2) { good } else { all };
    let mut files = pick(random, from).clone();
    loop {
        let names: Vec<String> = files.keys().cloned().collect();
        let (name, other) = (pick(random, &names), pick(random, &names));
        // A document goes, takes the place of another, or is spoilt.
        match random.below(16) {
            0 => {
                files.remove(name);
            }
            1 => {
                let text = files[other].clone();
                files.insert(name.clone(), text);
            }
            _ => {
                let text = spoil(random, &files[name], &corpus.texts);
                files.insert(name.clone(), text);
            }
        }
        if files.is_empty() || !random.one_in(3) {
            break;
        }
    }
    let compiled = compile(Sources::new(files));
    // Somebody reads every one of them.
    let text = compiled.diagnostics.render(&compiled.sources, false);
    let json = compiled.diagnostics.to_json(&compiled.sources).to_string();
    match compiled.policy {
        Some(policy) => {
            // What is accepted has to get through all that comes after the compiler.
            let (root, bytes) =
                stopgate::build::rehearsal(&policy).expect("what is accepted builds");
            Bundle::open(&bytes, &root).expect("what is built opens");
            Came::Accepted
        }
        None => {
            assert!(!text.is_empty() && json.len() > 2, "refused without a word");
            Came::Refused
        }
    }
}

pub(crate) fn pick<'a, T>(random: &mut Random, all: &'a [T]) -> &'a T {
    let bound = u64::try_from(all.len()).expect("small");
    &all[usize::try_from(random.below(bound)).expect("small")]
}
