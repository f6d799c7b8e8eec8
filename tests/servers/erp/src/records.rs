//! What the ERP keeps, as results show it, and the few records every run begins with.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::arguments::{Country, Currency};

/// An order. Tax number and account are in every result, so that a mask has something to hide.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) status: Status,
    pub(crate) currency: Currency,
    pub(crate) total_cents: u64,
    pub(crate) refunded_cents: u64,
    pub(crate) note: String,
    pub(crate) customer: Customer,
    pub(crate) payment: Payment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Paid,
    Cancelled,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) tax_id: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Payment {
    pub(crate) method: &'static str,
    pub(crate) iban: String,
}

/// What a refund does, or would do; only one that was made has a number.
#[derive(Debug, Serialize)]
pub(crate) struct Refunded {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_id: Option<String>,
    pub(crate) order_id: String,
    pub(crate) amount_cents: u64,
    pub(crate) currency: Currency,
    pub(crate) left_after_cents: u64,
    pub(crate) customer: Customer,
    pub(crate) payment: Payment,
}

/// What a cancellation does, or would do; the status is that of the order afterwards, or now.
#[derive(Debug, Serialize)]
pub(crate) struct Cancellation {
    pub(crate) order_id: String,
    pub(crate) status: Status,
    pub(crate) currency: Currency,
    pub(crate) repaid_cents: u64,
    pub(crate) customer: Customer,
    pub(crate) payment: Payment,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Invoice {
    pub(crate) invoice_id: String,
    pub(crate) order_id: String,
    pub(crate) currency: Currency,
    pub(crate) total_cents: u64,
    pub(crate) paid: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Supplier {
    pub(crate) supplier_id: String,
    pub(crate) name: String,
    pub(crate) country: Country,
    pub(crate) iban: String,
}

/// Orders that every run begins with, by number.
pub(crate) fn orders() -> BTreeMap<String, Order> {
    let order = |number: &str, currency, total_cents, name: &str, tax_id: &str, iban: &str| Order {
        order_id: number.to_owned(),
        status: Status::Paid,
        currency,
        total_cents,
        refunded_cents: 0,
        note: String::new(),
        customer: Customer {
            name: name.to_owned(),
            tax_id: tax_id.to_owned(),
        },
        payment: Payment {
            method: "bank_transfer",
            iban: iban.to_owned(),
        },
    };
    let orders = [
        order(
            "A-1001",
            Currency::Euro,
            250_000,
            "Livraria Atlântico",
            "PT501234567",
            "PT50000201231234567890154",
        ),
        order(
            "A-1002",
            Currency::Pound,
            99_900,
            "Harbour Books Ltd",
            "GB123456789",
            "GB29NWBK60161331926819",
        ),
        order(
            "A-1003",
            Currency::Dollar,
            5_000,
            "Quill & Co",
            "98-7654321",
            "DE89370400440532013000",
        ),
    ];
    orders
        .into_iter()
        .map(|order| (order.order_id.clone(), order))
        .collect()
}

/// Invoices that every run begins with, by number.
pub(crate) fn invoices() -> BTreeMap<String, Invoice> {
    let invoice = |number: &str, order: &str, currency, total_cents| Invoice {
        invoice_id: number.to_owned(),
        order_id: order.to_owned(),
        currency,
        total_cents,
        paid: true,
    };
    let invoices = [
        invoice("I-7", "A-1001", Currency::Euro, 250_000),
        invoice("I-8", "A-1002", Currency::Pound, 99_900),
    ];
    invoices
        .into_iter()
        .map(|invoice| (invoice.invoice_id.clone(), invoice))
        .collect()
}

/// Suppliers that every run begins with, by number.
pub(crate) fn suppliers() -> BTreeMap<String, Supplier> {
    let paper = Supplier {
        supplier_id: "S-1".to_owned(),
        name: "Papel do Norte".to_owned(),
        country: Country::Portugal,
        iban: "PT50003506831234567890122".to_owned(),
    };
    BTreeMap::from([(paper.supplier_id.clone(), paper)])
}
