//! `gate:` of stopgate.yaml: how many reviewers sign a loosening, and how long a waiver may hold.

use super::read::Record;
use super::scalar::integer;
use super::shape::{Absent, Field, Form, Loosens, Shape};
use crate::diagnostic::{Diagnostics, approvals as facts};
use crate::policy::{Gate, SignOff};
use crate::source::node::Node;

/// Most reviewers that can be asked for.
const MAX_SIGNERS: i64 = 16;
/// Most days that a waiver can be allowed to hold: a year, also where that is a leap year.
const MAX_DAYS: i64 = 366;

pub(crate) const SHAPE: Shape = Shape {
    what: "the gate",
    fields: &[
        Field::optional(
            "sign_off",
            Loosens::Within,
            Form::Record(&SIGN_OFF),
            "How many reviewers sign the waiver of a loosening, by the higher risk of before and after. A number that \
             is stated replaces the default one of its key; the others stay. A higher risk never asks for fewer.",
        ),
        Field::optional(
            "waiver_days",
            Loosens::Higher,
            Form::Integer {
                least: 1,
                most: MAX_DAYS,
            },
            "How many days from today a waiver may hold. Left out: 30.",
        )
        .absent(Absent::Same("30")),
    ],
    bonds: &[],
};

const SIGN_OFF: Shape = Shape {
    what: "sign_off",
    fields: &[
        Field::optional(
            "low",
            Loosens::Lower,
            Form::Integer {
                least: 0,
                most: MAX_SIGNERS,
            },
            "Reviewers of a loosening at low risk; 0: it needs no waiver. Left out: 1.",
        )
        .absent(Absent::Same("1")),
        Field::optional(
            "medium",
            Loosens::Lower,
            Form::Integer {
                least: 0,
                most: MAX_SIGNERS,
            },
            "Reviewers of a loosening at medium risk; 0: it needs no waiver. Left out: 1.",
        )
        .absent(Absent::Same("1")),
        Field::optional(
            "high",
            Loosens::Lower,
            Form::Integer {
                least: 1,
                most: MAX_SIGNERS,
            },
            "Reviewers of a loosening at high risk, at least 1. Left out: 2.",
        )
        .absent(Absent::Same("2")),
    ],
    bonds: &[],
};

/// Reads the gate. A part that cannot be read is reported and keeps its default.
pub(crate) fn read(node: &Node, dx: &mut Diagnostics) -> Gate {
    let mut gate = Gate::DEFAULT;
    // The mistake leaves no policy, so this default judges nothing.
    let Some(record) = Record::open(node, &SHAPE, dx) else {
        return gate;
    };
    if let Some(node) = record.get("sign_off") {
        gate.sign_off = sign_off(node, dx);
    }
    let days = record
        .get("waiver_days")
        .and_then(|node| integer(node, 1, MAX_DAYS, dx))
        .and_then(|days| u16::try_from(days).ok());
    gate.waiver_days = days.unwrap_or(gate.waiver_days);
    gate
}

fn sign_off(node: &Node, dx: &mut Diagnostics) -> SignOff {
    let mut sign_off = Gate::DEFAULT.sign_off;
    let Some(record) = Record::open(node, &SIGN_OFF, dx) else {
        return sign_off;
    };
    let slots = [
        ("low", &mut sign_off.low, 0),
        ("medium", &mut sign_off.medium, 0),
        ("high", &mut sign_off.high, 1),
    ];
    for (key, slot, least) in slots {
        let stated = record
            .get(key)
            .and_then(|node| integer(node, least, MAX_SIGNERS, dx));
        *slot = stated
            .and_then(|number| u8::try_from(number).ok())
            .unwrap_or(*slot);
    }
    let SignOff { low, medium, high } = sign_off;
    // A higher risk with fewer reviewers would make it worth while to raise a risk.
    for (lower, many, higher, few) in [
        ("low", low, "medium", medium),
        ("medium", medium, "high", high),
    ] {
        if few < many {
            dx.push(facts::sign_off_order(
                record.place(),
                lower,
                many,
                higher,
                few,
            ));
        }
    }
    sign_off
}
