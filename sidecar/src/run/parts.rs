//! The parts of a sidecar that go on for ever. One that ends, in whatever way, is a fault of the whole: nobody would look
//! at its source any more, or answer its probes, with every metric green.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

/// Tasks that never end by themselves, by their names.
#[derive(Debug, Default)]
pub(super) struct Parts {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Parts {
    /// Begins `part`, which is called `name`.
    pub(super) fn begin(
        &mut self,
        name: &'static str,
        part: impl Future<Output = ()> + Send + 'static,
    ) {
        let begun = self.tasks.spawn(part);
        self.names.insert(begun.id(), name);
    }

    /// Waits until one of the parts has ended, which a part does only by a fault, and returns its name.
    pub(super) async fn one_ended(&mut self) -> &'static str {
        // A panic and a return are one thing here: that part of the work is not done any more.
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return "all",
        };
        self.names.get(&id).copied().unwrap_or("one without a name")
    }

    /// Ends all parts.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Poll;

    use super::*;
    use crate::audit::tests::poll_once;

    #[tokio::test]
    async fn a_part_that_panics_or_returns_is_named_and_nothing_else_ends_the_wait() {
        let well = || {
            let mut parts = Parts::default();
            parts.begin("one", pending());
            parts.begin("two", pending());
            parts
        };
        let mut parts = well();
        tokio::task::yield_now().await;
        let mut wait = Box::pin(parts.one_ended());
        assert_eq!(poll_once(wait.as_mut()), Poll::Pending);
        drop(wait);
        parts.begin("faulty", async { panic!("a part panics") });
        assert_eq!(parts.one_ended().await, "faulty");

        let mut parts = well();
        parts.begin("short", async {});
        assert_eq!(parts.one_ended().await, "short");
        // To be ended is not to end: whoever ends them does not wait for one.
        parts.end().await;
        assert_eq!(Parts::default().one_ended().await, "all");
    }
}
