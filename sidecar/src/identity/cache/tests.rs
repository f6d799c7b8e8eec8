//! A verified token is remembered for a minute at most, never past its end, and only so many of them.

use stopgate_decide::attempt::Subject;

use super::super::testing::{ISSUER, Issuing, now};
use super::*;

fn issuer() -> Issuer {
    Issuer {
        issuer: ISSUER.to_owned(),
        audience: "stopgate".to_owned(),
        subject: "sub".to_owned(),
        groups: "groups".to_owned(),
        agent: None,
    }
}

fn verified(expires: Timestamp) -> Arc<Verified> {
    Arc::new(Verified {
        subject: Subject {
            issuer: ISSUER.to_owned(),
            id: "00u1ab".to_owned(),
        },
        groups: Vec::new(),
        agent: None,
        expires,
    })
}

fn seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

#[test]
fn a_token_is_remembered_for_a_minute_and_never_past_its_end() {
    let keys = Arc::new(KeySet::parse(&Issuing::new().jwks()).expect("a key set"));
    let (issuer, token) = (issuer(), Digest::compute(b"token"));
    for (lifetime, hits, misses) in [
        (300, [0, 1, 59], [-1, 60, 61]),
        (10, [0, 1, 9], [-1, 10, 11]),
    ] {
        let cache = Cache::default();
        let terms = || (&issuer, Arc::clone(&keys));
        cache.put(token, &verified(seconds(lifetime)), terms(), now());
        let get = |at| cache.get(&token, seconds(at), |_| Some(terms())).is_some();
        assert!(hits.into_iter().all(get), "{lifetime}");
        assert!(!misses.into_iter().any(get), "{lifetime}");
        assert!(
            cache
                .get(&Digest::compute(b"other"), now(), |_| Some(terms()))
                .is_none()
        );
    }
}

#[test]
fn a_token_is_looked_at_again_when_its_terms_change() {
    let issuing = Issuing::new();
    let read = || Arc::new(KeySet::parse(&issuing.jwks()).expect("a key set"));
    let (keys, issuer, token) = (read(), issuer(), Digest::compute(b"token"));
    let cache = Cache::default();
    cache.put(
        token,
        &verified(seconds(300)),
        (&issuer, Arc::clone(&keys)),
        now(),
    );
    let other = Issuer {
        audience: "other".to_owned(),
        ..issuer.clone()
    };
    assert!(
        cache
            .get(&token, now(), |_| Some((&issuer, Arc::clone(&keys))))
            .is_some()
    );
    assert!(
        cache
            .get(&token, now(), |_| Some((&other, Arc::clone(&keys))))
            .is_none()
    );
    assert!(
        cache
            .get(&token, now(), |_| Some((&issuer, read())))
            .is_none()
    );
    assert!(
        cache.get(&token, now(), |_| None).is_none(),
        "nobody knows the issuer any more"
    );
}

#[test]
fn it_does_not_grow_without_bound() {
    let keys = Arc::new(KeySet::parse(&Issuing::new().jwks()).expect("a key set"));
    let (issuer, cache) = (issuer(), Cache::default());
    let put = |number: usize, at: i64| {
        let token = Digest::compute(&number.to_le_bytes());
        cache.put(
            token,
            &verified(seconds(300)),
            (&issuer, Arc::clone(&keys)),
            seconds(at),
        );
    };
    let held = || cache.0.lock().expect("a lock").entries.len();
    (0..MAX_CACHED_TOKENS + 10).for_each(|number| put(number, 0));
    assert_eq!(held(), MAX_CACHED_TOKENS);
    put(MAX_CACHED_TOKENS + 11, 60);
    assert_eq!(held(), 1, "what holds no more makes room");
}
